package answerfile

import (
	"fmt"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// productKey is the key that the answer file gives, "" for none.
//
// Evaluation media take none, and an empty <Key/> stalls Setup of 2019, 2022
// and 11 (OpenNebula/one-apps#225). Volume media take the KMS client key of
// the edition. Client media that hold several editions ask for a key when none
// is given, even with the image's index (rgl/windows-vagrant's README): there
// the public installation key chooses the edition.
func (a Answers) productKey() string {
	switch {
	case a.evaluation():
		return ""
	case a.ProductKey != "":
		return strings.ToUpper(strings.TrimSpace(a.ProductKey))
	}
	kms, _ := windows.KMSClientKey(a.Product, a.Image.EditionID)
	if a.Product.Server || a.Image.Channel == Volume {
		return kms
	}
	if key, ok := windows.InstallKey(a.Product, a.Image.EditionID); ok {
		return key
	}
	return kms
}

func (a Answers) evaluation() bool {
	return a.Image.Channel == Evaluation || windows.IsEvaluation(a.Image.EditionID)
}

func (a Answers) validateKey(p *problems) {
	const field = "product_key"
	if strings.TrimSpace(a.ProductKey) == "" {
		// With MethodApply setup.exe does not run, and asks nobody.
		if a.productKey() == "" && !a.evaluation() && !a.Product.Server && a.Image.Editions > 1 && a.InstallMethod != MethodApply {
			p.add(field, "missing; there is no public key for edition %s, and Setup of a medium with %d editions asks for one", a.Image.EditionID, a.Image.Editions)
		}
		return
	}
	if defect := or(keyFormDefect(a.ProductKey), a.keyDefect(a.ProductKey)); defect != "" {
		p.add(field, "%s", defect)
	}
}

// keyDefect says why a key cannot be the image's, "" when it may be.
func (a Answers) keyDefect(key string) string {
	if a.evaluation() {
		return fmt.Sprintf("given, but %s is an evaluation edition, which accepts none; install from a volume or retail medium", a.Image.EditionID)
	}
	if windows.KeyFits(a.Product, a.Image.EditionID, key) {
		return ""
	}
	product, edition, _ := windows.KeyOwner(key)
	owner := strings.TrimSpace(product + " " + edition)
	if strings.EqualFold(edition, a.Image.EditionID) && product == "" {
		owner += " of another version"
	}
	return fmt.Sprintf("this is the public key of %s, but the image is %v %s; Setup would say that no images are available", owner, a.Product, a.Image.EditionID)
}

// validateKeyForm checks a given key as far as it can be without the image.
func (a Answers) validateKeyForm(p *problems) {
	if strings.TrimSpace(a.ProductKey) == "" {
		return
	}
	if defect := keyFormDefect(a.ProductKey); defect != "" {
		p.add("product_key", "%s", defect)
	}
}

// keyFormDefect says why a key is of use on no image, "" when it may be. It
// never shows it: it may be a paid one.
func keyFormDefect(key string) string {
	parsed, err := windows.ParseKey(key)
	if err == nil {
		err = windows.CheckKVMKey(parsed)
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
