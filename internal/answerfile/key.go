package answerfile

import (
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
	key := strings.ToUpper(strings.TrimSpace(a.ProductKey))
	if key == "" {
		if a.productKey() == "" && !a.evaluation() && !a.Product.Server && a.Image.Editions > 1 {
			p.add("product_key", "missing; there is no public key for edition %s, and Setup of a medium with %d editions asks for one", a.Image.EditionID, a.Image.Editions)
		}
		return
	}
	if !a.validateKeyForm(p) {
		return
	}
	if a.evaluation() {
		p.add("product_key", "given, but %s is an evaluation edition, which accepts none; install from a volume or retail medium", a.Image.EditionID)
		return
	}
	if windows.KeyFits(a.Product, a.Image.EditionID, key) {
		return
	}
	product, edition, _ := windows.KeyOwner(key)
	owner := strings.TrimSpace(product + " " + edition)
	if strings.EqualFold(edition, a.Image.EditionID) && product == "" {
		owner += " of another version"
	}
	p.add("product_key", "this is the public key of %s, but the image is %v %s; Setup would say that no images are available", owner, a.Product, a.Image.EditionID)
}

// validateKeyForm checks a given key as far as it can be without the image. It
// never shows it: it may be a paid one.
func (a Answers) validateKeyForm(p *problems) bool {
	switch key := strings.ToUpper(strings.TrimSpace(a.ProductKey)); {
	case key == "":
		return true
	case !windows.IsKeyForm(key):
		p.add("product_key", "not of the form XXXXX-XXXXX-XXXXX-XXXXX-XXXXX")
		return false
	case windows.IsAVMAKey(key):
		p.add("product_key", "this is an AVMA key, which activates under Windows Server Datacenter with Hyper-V only, never on KVM; give a KMS client key and kms_host, or a MAK")
		return false
	}
	return true
}
