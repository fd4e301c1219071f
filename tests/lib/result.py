"""What became of one test."""

from dataclasses import dataclass

OK, FAIL, SKIP = "ok", "FAIL", "skip"


@dataclass
class Result:
    name: str
    verdict: str
    seconds: float = 0.0
    reason: str = ""
    output: str = ""
    second_try: bool = False

    def show(self, verbose=False):
        """One line; under a failure also what a person wants to see next."""
        note = f"skip: {self.reason}" if self.verdict == SKIP else self.verdict
        if self.second_try:
            note += " (second try)"
        print(f"{self.name:<88} {self.seconds:6.1f} s  {note}", flush=True)
        if self.verdict == FAIL or verbose:
            body = "\n".join(part for part in (self.reason, self.output.rstrip()) if part)
            if body:
                print("    " + body.replace("\n", "\n    "), flush=True)
