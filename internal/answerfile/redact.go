package answerfile

import "fmt"

// String names what is installed, and none of the secrets that the answers
// hold, so that no log shows them by accident.
func (a Answers) String() string {
	return fmt.Sprintf("answers for %v, %s, %s, image %d", a.Product, a.Firmware, a.language(), a.Image.Index)
}

// GoString is String, for %#v.
func (a Answers) GoString() string { return a.String() }

// String is the account's name.
func (a LocalAccount) String() string { return a.Name }

// GoString is String, for %#v.
func (a LocalAccount) GoString() string { return a.String() }

// String names the build, and none of the secrets.
func (p BootstrapParameters) String() string {
	return "parameters of the bootstrap of build " + p.BuildID
}

// GoString is String, for %#v.
func (p BootstrapParameters) GoString() string { return p.String() }

// String is the certificate's digest.
func (c BootstrapCertificate) String() string { return "certificate " + c.SHA256 }

// GoString is String, for %#v.
func (c BootstrapCertificate) GoString() string { return c.String() }
