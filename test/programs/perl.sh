#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Perl: hashes of arrays, strings that grow, regular expressions, closures, objects that die in cycles.
set -euo pipefail

binaries() { echo /usr/bin/perl; }

probe() { /usr/bin/perl -e 1; }

prepare() {
    cat >"$INPUT/work.pl" <<'END_OF_PERL'
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Scalar::Util qw(weaken);
use Storable qw(dclone freeze);
$Storable::canonical = 1;

my (%count, %lines, %by_length);
for my $path (@ARGV) {
    open my $file, '<', $path or die "$path: $!";
    while (my $line = <$file>) {
        $count{lc $1}++, push @{ $lines{lc $1} }, $. while $line =~ /(\w+)/g;
    }
}
push @{ $by_length{length $_} }, $_ for sort keys %count;
print "$_ $count{$_} ", md5_hex("@{ $lines{$_} }"), "\n" for sort keys %count;
print "length $_: ", md5_hex(join ',', @{ $by_length{$_} }), "\n" for sort { $a <=> $b } keys %by_length;

my $text = join ' ', map { $_ x 3 } sort keys %count;
for my $round (1 .. 20) {
    (my $changed = $text) =~ s/(\w)(\w*)/\u$2$1/g;
    $text = substr($changed, 0, length($text) - $round) . reverse substr $changed, -$round;
}
print 'text ', md5_hex($text), "\n";

my $copy = dclone(\%lines);
delete @$copy{ grep { length $_ < 4 } keys %$copy };
print 'copy ', md5_hex(freeze($copy)), "\n";

my $died = 0;
sub Node::DESTROY { $died++ }
for my $i (1 .. 60_000) {
    my $parent = bless { name => "parent $i", sub => sub { $i } }, 'Node';
    my $child = bless { name => 'child' x ($i % 50), parent => $parent }, 'Node';
    weaken($child->{parent});
    $parent->{child} = $child;
}
print "died $died\n";

my @sorted = sort { $a->[1] cmp $b->[1] } map { [$_, md5_hex($_)] } 1 .. 200_000;
print 'sorted ', md5_hex(join ',', map { $_->[0] } @sorted), "\n";
END_OF_PERL
}

work() {
    find "$TREE" -name '*.[ch]*' -print0 | sort -z | xargs -0 perl "$INPUT/work.pl"
}

"$@"
