# SPDX-License-Identifier: MIT
"""Scripts: what interprets them is what is looked at."""
import support


class Script(support.Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.static = cls.build("static", support.PRINTS_RAN, "-static")
        cls.path = {"PATH": f"{cls.folder}:/usr/bin:/bin"}

    def run_script(self, first_line, *arguments):
        return self.run_it(self.write("script", f"{first_line}\necho ran \"$@\"\n"), *arguments, environment=self.path)

    def test_runs(self):
        env = "#!/usr/bin/env"
        for line in ("#!/bin/sh", "#! /bin/sh", "#!\t/bin/sh -e ", f"{env} sh \t", f"{env} -S A=b sh -e"):
            self.check_printed(self.run_script(line, "a b", "c"), "ran a b c\n")

    def test_runs_without_an_end_of_line(self):
        self.check_printed(self.run_it(self.write("short", "#!/bin/sh")), "")

    def test_whose_interpreter_does_not_take_the_library(self):
        for line in (f"#!{self.static}", f"#!{self.static} -x", "#!/usr/bin/env static", "#!/usr/bin/env -S static -x"):
            result = self.run_script(line)
            self.check_refused(result, f"{self.static}, the interpreter of {self.folder}/script, is statically linked")

    def test_whose_interpreter_is_missing(self):
        self.check_refused(self.run_script("#!/no/such/shell"), "'/no/such/shell', which interprets", status=126)
        self.check_refused(self.run_script("#!sh"), "'sh', which interprets", "No such file", status=126)
        self.check_refused(self.run_script("#!/usr/bin/env no-such"), "'no-such', which interprets", status=127)
        self.check_refused(self.run_script(f"#!{self.folder}"), "Is a directory", status=126)

    def test_without_an_interpreter(self):
        for line in ("#!", "#!  \t", "#!/" + "x" * 300):
            self.check_refused(self.run_script(line), "names no interpreter", status=126)

    def test_whose_env_line_is_more_than_a_name(self):
        for argument in ("", "-i sh", "-S -i sh", "-S LD_PRELOAD= sh", "-S", "-S 'sh'", "-S ${SHELL}", "A=b"):
            self.check_refused(self.run_script(f"#!/usr/bin/env {argument}"), "cannot tell what '#!/usr/bin/env")

    def test_of_a_script(self):
        inner = "/bin/sh"
        for level in range(4):
            path = self.write(f"level{level}", f"#!{inner}\n")
            self.check_printed(self.run_it("--check", path), f"{path}: {self.library} takes effect\n")
            inner = path
        self.check_refused(self.run_it(self.write("too_deep", f"#!{inner}\n")), "only 4 levels are followed")

    def test_of_itself(self):
        path = self.write("circle", f"#!{self.folder}/circle\n")
        self.check_refused(self.run_it(path), "only 4 levels are followed")


if __name__ == "__main__":
    support.main()
