package setup

import "fmt"

// wishedPage is the page that an answer file has Setup show although it is
// answered: WillShowUI of the section says Always (Microsoft, "WillShowUI": "the
// UI is always displayed").
func (s *Session) wishedPage(component, section, id, text string) *Screen {
	if value, _ := s.Answers.component("windowsPE", component).value(section + "/WillShowUI"); value != "Always" {
		return nil
	}
	return &Screen{
		ID: id, Pass: "windowsPE", Title: "Windows Setup", Text: text,
		Log: fmt.Sprintf("%s/WillShowUI is Always", section), Source: "learn.microsoft.com: " + component + ", WillShowUI",
	}
}

// checkCourse: Setup that was started from its medium upgrades nothing, and
// Windows PE reaches no share.
func (s *Session) checkCourse() *Screen {
	setup := s.Answers.component("windowsPE", "Microsoft-Windows-Setup")
	if setup.flag("UpgradeData/Upgrade") {
		return &Screen{
			ID: "upgrade", Pass: "windowsPE", Title: "Compatibility report (saved to your desktop if possible)",
			Text: "The computer started using the Windows installation media. Remove the installation media and restart your computer so that Windows starts normally.",
			Log:  "UpgradeData/Upgrade is true", Source: "learn.microsoft.com: Microsoft-Windows-Setup-UpgradeData-Upgrade",
		}
	}
	if path, _ := setup.value("ImageInstall/OSImage/InstallFrom/Path"); len(path) > 1 && (path[:2] == `\\` || path[:2] == "//") {
		return &Screen{
			ID: "install-from", Pass: "windowsPE", Title: "Windows Setup",
			Text: fmt.Sprintf("Windows cannot open the required file %s. Make sure all files required for installation are available, and restart the installation.", path),
			Log:  "InstallFrom/Path is on a share", Source: "learn.microsoft.com: Microsoft-Windows-Setup-ImageInstall-OSImage-InstallFrom-Path",
		}
	}
	return nil
}
