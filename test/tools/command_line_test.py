# SPDX-License-Identifier: MIT
"""The arguments of hakmem-run."""
import re
import subprocess

import support

SHOWS_ARGUMENTS = r"""
#include <stdio.h>
int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++)
        printf("[%s]", arguments[i]);
    return 0;
}
"""


class CommandLine(support.Case):
    def test_passes_arguments_on_as_they_are(self):
        shows = self.build("shows", SHOWS_ARGUMENTS)
        for arguments in (["a b", "", "--", "--check", "-x", "*"], [], [""], ["--help"]):
            wanted = "".join(f"[{argument}]" for argument in arguments)
            self.check_printed(self.run_it(shows, *arguments), wanted)
            self.check_printed(self.run_it("--", shows, *arguments), wanted)

    def test_runs_the_command_under_the_name_given(self):
        self.check_printed(self.run_it("sh", "-c", "echo $0"), "sh\n")

    def test_takes_a_command_that_looks_like_an_option_behind_two_dashes(self):
        self.build("--check", support.PRINTS_RAN)
        self.check_printed(self.run_it("--", "--check", environment={"PATH": str(self.folder)}), "ran\n")

    def test_refuses_what_it_does_not_know(self):
        for arguments, text in (
            (["--nonsense", "true"], "unknown option '--nonsense'; try --help"),
            (["-x", "true"], "unknown option '-x'; try --help"),
            (["-xy", "true"], "unknown option '-x'; try --help"),
            (["--check=yes", "true"], "option '--check=yes' takes no value; try --help"),
            (["--library"], "option '--library' needs a value; try --help"),
            (["--set"], "option '--set' needs a value; try --help"),
            ([], "no command given; try --help"),
            (["--"], "no command given; try --help"),
        ):
            self.check_refused(self.run_bare(*arguments), text)

    def test_help_fits_on_a_screen_and_names_every_option(self):
        result = self.run_bare("--help")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertLessEqual(len(lines), 24)
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertEqual(
            re.findall(r"^  (--\w+)", result.stdout, re.MULTILINE),
            ["--set", "--explain", "--library", "--check", "--version", "--help"],
        )

    def test_version(self):
        result = self.run_bare("--version")
        self.assertRegex(result.stdout, r"^hakmem-run \d+\.\d+\.\d+\n$")
        self.assertEqual(result.returncode, 0)

    def test_says_when_it_cannot_print(self):
        with open("/dev/full", "w") as full:
            for arguments in (["--help"], ["--version"], ["--check", "true"]):
                command = [str(self.program), f"--library={self.library}", *arguments]
                result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
                self.assertEqual(result.returncode, 125)
                self.assertIn("No space left on device", result.stderr)

    def test_puts_each_message_on_one_line(self):
        self.check_refused(self.run_bare("--library=/a\nb\x1b[1m\x7f.so", "true"), "/a?b?[1m?.so: No such file")

    def test_check_runs_nothing(self):
        ran = self.build("ran", support.PRINTS_RAN)
        self.check_printed(self.run_it("--check", ran), f"{ran}: {self.library} takes effect\n")
        static = self.build("static", support.PRINTS_RAN, "-static")
        self.check_refused(self.run_it("--check", static), "statically linked")
        self.check_refused(self.run_it("--check", "no-such-command"), status=127)


class Set(support.Case):
    def test_reaches_the_command(self):
        result = self.run_it(
            "--set", "dirty_min=4 M", "--set=CHECK=full", "--set", "reuse_max=", "--set=check=fast", "--", "env"
        )
        values = [line for line in result.stdout.splitlines() if line.startswith("HAKMEM_")]
        self.assertEqual(sorted(values), ["HAKMEM_CHECK=fast", "HAKMEM_DIRTY_MIN=4 M", "HAKMEM_REUSE_MAX="])

    def test_explain_is_an_option_of_hakmem(self):
        self.check_printed(self.run_it("--explain", "sh", "-c", "echo $HAKMEM_EXPLAIN"), "exit\n")
        self.check_refused(self.run_it("--explain=exit", "true"), "option '--explain=exit' takes no value")

    def test_goes_before_the_environment(self):
        result = self.run_it("--set=check=full", "sh", "-c", "echo $HAKMEM_CHECK", environment={"HAKMEM_CHECK": "fast"})
        self.check_printed(result, "full\n")

    def test_refuses_a_name_that_hakmem_has_not(self):
        for name in ("dirty", "dirty_min_", "HAKMEM_CHECK", "", "x" * 100):
            self.check_refused(self.run_it(f"--set={name}=1", "true"), f"no option '{name}'; it has: arena_mb_init")

    def test_refuses_a_name_without_a_value(self):
        self.check_refused(self.run_it("--set", "check", "true"), "--set needs NAME=VALUE, not 'check'")


if __name__ == "__main__":
    support.main()
