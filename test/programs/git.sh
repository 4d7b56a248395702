#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# git: clone, check, repack with threads, diff and blame; over this tree's history and over a larger one.
set -euo pipefail

binaries() { echo /usr/bin/git; }

probe() { /usr/bin/git --version; }

# This tree's history, where it has one, and one of 400 commits that each change some of its files.
prepare() {
    git config --global safe.directory '*'
    ! git -C "$ROOT" rev-parse --git-dir >/dev/null 2>&1 || git clone --quiet --bare "$ROOT" "$INPUT/tree.git"
    git init --quiet --bare --initial-branch=main "$INPUT/changes.git"
    find "$TREE"/* -type f | sort | perl -e '
        srand 3;
        sub content { local (@ARGV, $/) = @_; <> }
        my %text = map { chomp; (substr($_, length $ENV{TREE}) => content($_)) } <STDIN>;
        my @paths = sort keys %text;
        for my $n (1 .. 400) {
            print "commit refs/heads/main\n";
            print "$_ A <a\@b.c> $n +0000\n" for "author", "committer";
            printf "data 3\n%03d\n", $n;
            for my $path ($n == 1 ? @paths : map { $paths[rand @paths] } 1 .. 12) {
                my @lines = split /^/, $text{$path};
                splice @lines, rand @lines, int rand 3, map { "changed $n " . rand() . "\n" } 1 .. rand 5;
                $text{$path} = join "", @lines;
                print "M 644 inline ", substr($path, 1), "\ndata ", length $text{$path}, "\n$text{$path}\n";
            }
        }' | git -C "$INPUT/changes.git" fast-import --quiet
}

use() { # repository
    git clone --quiet --no-local "$1" copy
    cd copy
    git config gc.auto 0
    git log --patch --stat -M -C | sha256sum
    git log --graph --oneline --name-status --follow -- README.md
    git fsck --full --strict
    git gc --quiet --aggressive --prune=now
    git -c pack.threads=4 -c pack.windowMemory=20m repack --quiet -a -d -f --depth=20 --window=100
    git verify-pack --stat-only .git/objects/pack/*.idx >&2
    git cat-file --batch-check --batch-all-objects | sort | sha256sum
    git ls-files | grep '\.c$' | while read -r file; do git blame -w -C "$file"; done | sha256sum
    git archive HEAD | sha256sum
    git grep --threads 4 -n -e hak_ --and -e static | sha256sum
    git checkout --quiet HEAD~20 && git merge --quiet --no-edit main && git status --short
    git format-patch --quiet --stdout --root | sha256sum
    cd ..
    rm -rf copy
}

work() {
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
    local repository
    for repository in "$INPUT"/*.git; do
        basename "$repository"
        use "$repository"
    done
}

"$@"
