"""Certificates for one test, made with the openssl command."""

import subprocess

DAYS = "2"


class Authority:
    """A certificate authority in `folder`; its own certificate is `path`."""

    def __init__(self, folder, name="test authority"):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.path = folder / "ca.pem"
        self._key = folder / "ca-key.pem"
        _openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS, "-subj",
                 f"/CN={name}", "-keyout", self._key, "-out", self.path)

    def issue(self, name, *alternatives, days=DAYS):
        """(certificate, key) for `name`; alternatives as in "IP:127.0.0.1", "DNS:db"."""
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}-key.pem"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={','.join(alternatives or [f'DNS:{name}'])}\n")
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key,
                 "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self._key,
                 "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", cert)
        key.chmod(0o644)
        return cert, key


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
