package setup

import (
	"fmt"
	"regexp"
	"strings"
)

var keyForm = regexp.MustCompile(`^([BCDFGHJKMPQRTVWXY2346789N]{5}-){4}[BCDFGHJKMPQRTVWXY2346789N]{5}$`)

// clientKeys are Microsoft's published KMS client setup keys and generic
// installation keys by build range: which edition each is for
// (learn.microsoft.com, "Key Management Services client activation and product
// keys").
var clientKeys = []struct {
	key      string
	edition  string
	min, max int
}{
	{"WC2BQ-8NRM3-FDDYY-2BFGV-KHKQY", "ServerStandard", 14393, 17762},
	{"CB7KF-BWN84-R7R2Y-793K2-8XDDG", "ServerDatacenter", 14393, 17762},
	{"N69G4-B89J2-4G8F4-WWYCC-J464C", "ServerStandard", 17763, 20347},
	{"WMDGN-G9PQG-XVVXX-R3X43-63DFG", "ServerDatacenter", 17763, 20347},
	{"VDYBN-27WPP-V4HQT-9VMD4-VMK7H", "ServerStandard", 20348, 26099},
	{"WX4NM-KYWYW-QJJR4-XV3QB-6VM33", "ServerDatacenter", 20348, 26099},
	{"TVRH6-WHNXV-R9WG3-9XRFY-MY832", "ServerStandard", 26100, 1 << 30},
	{"D764K-2NDRG-47T6Q-P8T8W-YP6DF", "ServerDatacenter", 26100, 1 << 30},
	{"W269N-WFGWX-YVC9B-4J6C9-T83GX", "Professional", 10240, 1 << 30},
	{"NPPR9-FWDCX-D2C8J-H872K-2YT43", "Enterprise", 10240, 1 << 30},
	{"VK7JG-NPHTM-C97JM-9MPGT-3V66T", "Professional", 10240, 1 << 30},
	{"XGVPP-NMH47-7TTHJ-W3FW7-8HV2C", "Enterprise", 10240, 1 << 30},
}

// key is the product key's part in the choice of the image.
type key struct {
	given   bool
	edition string // of a known key; "" for one that nobody published
}

// checkKey reads the product key. An empty element stalls Setup; on
// evaluation media no key fits.
func (s *Session) checkKey() (key, *Screen) {
	setup := s.Answers.component("windowsPE", "Microsoft-Windows-Setup")
	text, given := setup.value("UserData/ProductKey/Key")
	if !given {
		if s.Machine.Medium.client() && len(s.Machine.Medium.Images) > 1 && s.Machine.Medium.Channel != "volume" && s.Machine.Medium.Channel != "eval" {
			return key{}, keyScreen("key-page", "Enter the product key to activate Windows", "no key on a medium of several client editions", "OpenNebula/one-apps#225")
		}
		return key{}, nil
	}
	text = strings.ToUpper(text)
	if text == "" {
		return key{}, keyScreen("key-page", "Enter the product key to activate Windows", "empty <Key/>", "OpenNebula/one-apps#225, kitknox/winode#10")
	}
	if !keyForm.MatchString(text) {
		return key{}, keyScreen("key-setting", "Windows cannot read the <ProductKey> setting from the unattend answer file.", "the key has not the form of one", "rgl/windows-vagrant README")
	}
	if s.Machine.Medium.Channel == "eval" {
		return key{}, keyScreen("key-invalid", "Setup has failed to validate the product key.", "a key on an evaluation medium", "rgl/windows-vagrant, antifob/incus-windows: evaluation media get none")
	}
	for _, known := range clientKeys {
		if known.key == text {
			if build := s.Machine.Medium.Build; build < known.min || build > known.max {
				return key{}, keyScreen("key-invalid", "Setup has failed to validate the product key.", fmt.Sprintf("the key is not for build %d", build), "rgl/windows-vagrant README")
			}
			return key{given: true, edition: known.edition}, nil
		}
	}
	return key{given: true}, nil
}

// checkActivationKey reads the key of the specialize pass, which Windows is
// activated with: an invalid one makes Setup fail, and so does an empty element
// (Microsoft, "ProductKey" of Microsoft-Windows-Shell-Setup).
func checkActivationKey(text string, installed Installed) string {
	text = strings.ToUpper(text)
	switch {
	case text == "":
		return "ProductKey is empty: ProductKey installation failed (0x80070057)"
	case !keyForm.MatchString(text):
		return "ProductKey has not the form of one"
	case strings.HasSuffix(installed.EditionID, "Eval"):
		return fmt.Sprintf("a ProductKey for %s, an evaluation edition", installed.EditionID)
	}
	for _, known := range clientKeys {
		if known.key != text {
			continue
		}
		if installed.Build < known.min || installed.Build > known.max || !(key{edition: known.edition}).fits(installed.EditionID) {
			return fmt.Sprintf("the ProductKey of %s, but this is %s of build %d", known.edition, installed.EditionID, installed.Build)
		}
	}
	return ""
}

func keyScreen(id, text, detail, source string) *Screen {
	return &Screen{ID: id, Pass: "windowsPE", Title: "Windows Setup", Text: text, Log: detail, Source: source}
}

// fits says whether the key is for the edition; a server's is for the one
// without the desktop too.
func (k key) fits(editionID string) bool {
	return k.edition == "" || strings.EqualFold(k.edition, editionID) ||
		strings.HasPrefix(k.edition, "Server") && strings.EqualFold(k.edition+"Cor", editionID)
}
