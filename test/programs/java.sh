#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Java: javac, then threads that use what the JVM keeps outside its heap: direct buffers, compression, class metadata.
set -euo pipefail

home() { dirname "$(dirname "$(realpath /usr/bin/javac)")"; }

binaries() { printf '%s\n' "$(home)/bin/java" "$(home)/bin/javac"; }

probe() {
    "$(home)/bin/java" -version
    "$(home)/bin/javac" -version
}

prepare() {
    cat >"$INPUT/Work.java" <<'END_OF_JAVA'
import java.io.*;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.file.*;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.*;
import java.util.zip.*;

public class Work {
    static String hash(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    static byte[] compress(byte[] bytes) throws IOException {
        var out = new ByteArrayOutputStream();
        try (var zip = new GZIPOutputStream(out)) {
            zip.write(bytes);
        }
        return out.toByteArray();
    }

    static String use(int seed) throws Exception {
        var random = new Random(seed);
        var sum = new StringBuilder();
        for (int round = 0; round < 40; round++) {
            var bytes = new byte[1000 + random.nextInt(200_000)];
            for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) random.nextInt(20);
            byte[] packed = compress(bytes);
            byte[] back = new GZIPInputStream(new ByteArrayInputStream(packed)).readAllBytes();
            if (!Arrays.equals(bytes, back)) throw new AssertionError("decompression");
            sum.append(hash(packed));
            var buffers = new ArrayList<ByteBuffer>();
            for (int i = 0; i < 50; i++) buffers.add(ByteBuffer.allocateDirect(1 + random.nextInt(60_000)).putInt(0, i));
            sum.append(buffers.stream().mapToInt(b -> b.getInt(0) + b.capacity()).sum());
            var path = Files.createTempFile("work", ".zip");
            try (var zip = new ZipOutputStream(Files.newOutputStream(path))) {
                for (int i = 0; i < 20; i++) {
                    zip.putNextEntry(new ZipEntry("entry" + i));
                    zip.write(bytes, 0, 1000);
                }
            }
            try (var zip = new ZipFile(path.toFile())) {
                sum.append(zip.stream().map(ZipEntry::getName).collect(Collectors.joining()));
            }
            Files.delete(path);
        }
        return hash(sum.toString().getBytes());
    }

    public static void main(String[] arguments) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(6);
        var answers = new ArrayList<Future<String>>();
        for (int i = 0; i < 12; i++) {
            int seed = i;
            answers.add(pool.submit(() -> use(seed)));
        }
        for (var answer : answers) System.out.println(answer.get());
        pool.shutdown();

        var words = new ConcurrentSkipListMap<String, Integer>();
        IntStream.range(0, 2_000_000).parallel().forEach(i -> words.merge("word" + i % 50_021, i, Integer::sum));
        System.out.println(words.size() + " " + hash(words.toString().getBytes()));

        var threads = new ArrayList<Thread>(); // short ones: the JVM makes and frees its own records of each
        var count = new LongAdder();
        for (int i = 0; i < 500; i++) {
            var thread = new Thread(count::increment);
            thread.start();
            threads.add(thread);
        }
        for (var thread : threads) thread.join();
        System.out.println(count);

        for (int i = 0; i < 200; i++) {
            var loader = new ClassLoader() {};
            var called = (Supplier<?>) Proxy.newProxyInstance(Work.class.getClassLoader(),
                new Class<?>[] {Supplier.class}, (proxy, method, list) -> loader.hashCode() == 0 ? 1 : 2);
            if (called.get() == null) throw new AssertionError("proxy");
            if (i % 50 == 0) System.gc();
        }
    }

    public interface Supplier<T> {
        T get();
    }
}
END_OF_JAVA
}

work() {
    mkdir classes
    javac -d classes "$INPUT/Work.java"
    find classes -name '*.class' | sort | xargs sha256sum
    java -Xmx512m -cp classes -Djava.io.tmpdir="$TMPDIR" Work
    java -Xmx256m -XX:+UseParallelGC -XX:-UsePerfData -cp classes -Djava.io.tmpdir="$TMPDIR" Work
}

"$@"
