package answerfile

import "strings"

// pages finds what has Setup show a page although all is answered: in each place
// "Always" displays it (Microsoft, "WillShowUI"), and nobody is there to go on.
func (f userFile) pages() {
	for _, component := range f.pass(passWindowsPE).children() {
		f.shown(component, component.attr("name"))
	}
}

func (f userFile) shown(parent *node, path string) {
	for _, n := range parent.kids {
		at := path + "/" + n.name
		if (n.name == "WillShowUI" || n.name == "DisplayReport") && strings.EqualFold(strings.TrimSpace(n.text), "Always") {
			f.p.add(at, "Always; Setup shows the page and waits for somebody; write OnError, or Never")
		}
		f.shown(n, at)
	}
}

// course finds what has Setup do something else than install on the machine's
// empty disk, from the medium, and go on.
func (f userFile) course() {
	setup := f.component(passWindowsPE, componentSetup)
	if setup.isTrue("UpgradeData/Upgrade") {
		f.p.add("UpgradeData/Upgrade", "true, but there is no Windows to upgrade; leave UpgradeData out")
	}
	if restart := strings.TrimSpace(setup.value("Restart")); strings.EqualFold(restart, "Shutdown") {
		f.p.add("Restart", "%s, by which the machine may power off in the midst of the installation; leave it out", restart)
	}
	// Windows PE has no network drive before somebody logs on to the share, and
	// the image would not be the one that the build has looked at.
	for _, image := range setup.find("ImageInstall").children() {
		if path := strings.TrimSpace(image.value("InstallFrom/Path")); strings.HasPrefix(path, `\\`) || strings.HasPrefix(path, "//") {
			f.p.add("ImageInstall/"+image.name+"/InstallFrom/Path", "%q is on a share, but the build installs from its iso_url; leave the element out", path)
		}
	}
}
