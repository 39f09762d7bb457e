package answerfile

import "strings"

// keyPlaces are those where an answer file may give a product key. The second
// is what Windows is activated with, where the first chooses the image; an
// invalid one in either makes Setup fail (Microsoft, "ProductKey" of
// Microsoft-Windows-Shell-Setup).
var keyPlaces = []struct{ pass, component, path, empty string }{
	{passWindowsPE, componentSetup, "UserData/ProductKey/Key", "empty, which stalls Setup of 2019, 2022 and 11 (OpenNebula/one-apps#225); leave the element out"},
	{passSpecialize, componentShell, "ProductKey", "empty, at which the pass specialize ends with 0x80070057 (microsoft/SurfaceDeploymentAccelerator#2); leave the element out"},
}

// keyForms finds keys that no image takes.
func (f userFile) keyForms() {
	for _, place := range keyPlaces {
		key := f.component(place.pass, place.component).find(place.path)
		switch {
		case key == nil:
		case strings.TrimSpace(key.text) == "":
			f.p.add(place.pass+"/"+place.path, "%s", place.empty)
		default:
			if defect := keyFormDefect(key.text); defect != "" {
				f.p.add(place.pass+"/"+place.path, "%s", defect)
			}
		}
	}
}

// keys finds keys that are another image's, and a missing one that Setup would
// ask for. What keyForms finds it does not name again.
func (f userFile) keys() {
	for _, place := range keyPlaces {
		key := f.component(place.pass, place.component).value(place.path)
		if keyFormDefect(key) != "" {
			continue
		}
		if defect := f.a.keyDefect(key); defect != "" {
			f.p.add(place.pass+"/"+place.path, "%s", defect)
		}
	}
	given := f.component(passWindowsPE, componentSetup).find(keyPlaces[0].path) != nil
	if !given && f.a.InstallMethod != MethodApply && f.a.productKey() != "" && !f.a.Product.Server && f.a.Image.Editions > 1 {
		f.p.add("UserData/ProductKey/Key", "missing; Setup of client media with several editions stops at its key page")
	}
}
