# SPDX-License-Identifier: MIT
# Hashes of arrays, strings that grow, regular expressions, objects that are sorted.
use strict;
use warnings;

srand 3;
my @words = map { join '', map { chr 97 + rand 10 } 0 .. 2 + rand 8 } 1 .. 5000;
my (%lines, $text);
for my $line (1 .. 20_000) {
    my @line = map { $words[rand @words] } 1 .. 8;
    push @{ $lines{$_} }, $line for @line;
    $text .= "@line\n";
}
for my $round (1 .. 3) {
    $text =~ s/(\w)(\w*)/\u$2$1/g;
    my %count;
    $count{$1}++ while $text =~ /(\w+)/g;
    my @sorted = sort { $a->[1] <=> $b->[1] || $a->[0] cmp $b->[0] } map { [$_, $count{$_}] } keys %count;
    print scalar @sorted, "\n";
}
delete @lines{ grep { length $_ < 6 } keys %lines };
print length $text, " ", scalar keys %lines, "\n";
