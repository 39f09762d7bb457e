package setup

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/wimfile"
)

// chooseImage finds the one image that the answer file names.
func (s *Session) chooseImage(k key) (wimfile.Image, *Screen) {
	setup := s.Answers.component("windowsPE", "Microsoft-Windows-Setup")
	wishes := setup.all("ImageInstall/OSImage/InstallFrom", "MetaData")
	images := slices.Clone(s.Machine.Medium.Images)
	if len(wishes) == 0 && !k.given && len(images) > 1 {
		return wimfile.Image{}, &Screen{
			ID: "edition-page", Pass: "windowsPE", Title: "Windows Setup", Text: "Select the operating system you want to install",
			Log: "no ImageInstall/OSImage/InstallFrom/MetaData and no key", Source: "OpenNebula/one-apps#225",
		}
	}
	for _, wish := range wishes {
		name, _ := wish.value("Key")
		value, _ := wish.value("Value")
		images = slices.DeleteFunc(images, func(image wimfile.Image) bool { return !matches(image, name, value) })
	}
	images = slices.DeleteFunc(images, func(image wimfile.Image) bool { return !k.fits(image.EditionID) })
	if len(images) == 0 {
		return wimfile.Image{}, &Screen{
			ID: "no-images", Pass: "windowsPE", Title: "Windows Setup", Text: "No images are available.",
			Log: "no image fits MetaData and product key", Source: "rgl/windows-vagrant README",
		}
	}
	if len(images) > 1 && len(wishes) == 0 {
		return images[0], nil // the key's edition decides; Core and Desktop differ by name only
	}
	return images[0], nil
}

// matches compares one MetaData wish. /IMAGE/NAME is the WIM's NAME, which is
// not what DISM prints.
func matches(image wimfile.Image, name, value string) bool {
	switch name {
	case "/IMAGE/INDEX":
		return strconv.Itoa(image.Index) == value
	case "/IMAGE/NAME":
		return strings.EqualFold(image.Name, value)
	case "/IMAGE/DESCRIPTION":
		return strings.EqualFold(image.Description, value)
	}
	return false
}

// checkEULA: without AcceptEula the licence page waits.
func (s *Session) checkEULA() *Screen {
	if s.Answers.component("windowsPE", "Microsoft-Windows-Setup").flag("UserData/AcceptEula") {
		return nil
	}
	return &Screen{
		ID: "eula-page", Pass: "windowsPE", Title: "Windows Setup", Text: "Applicable notices and license terms",
		Log: "UserData/AcceptEula is not true", Source: "learn.microsoft.com: Microsoft-Windows-Setup-UserData-AcceptEula",
	}
}

// checkImageLanguage: the image's own languages rule from here on. A language of
// the oobeSystem pass is the installed Windows'; without one it is that of
// Setup's pages, which may be another where lang.ini lacks the image's.
func (s *Session) checkImageLanguage(image wimfile.Image) *Screen {
	has := func(tag string) bool {
		return slices.ContainsFunc(image.Languages, func(known string) bool { return strings.EqualFold(known, tag) })
	}
	welcome, _ := s.Answers.component("oobeSystem", "Microsoft-Windows-International-Core").value("UILanguage")
	switch {
	case welcome == "" && !has(s.Language):
		return s.languagePage(fmt.Sprintf("image %d has no language %s", image.Index, s.Language))
	case welcome != "" && !has(welcome):
		return oobeScreen("oobe-language", "Let's start with region. Is this right?",
			fmt.Sprintf("UILanguage %s: image %d has %s", welcome, image.Index, strings.Join(image.Languages, ", ")), "cschneegans/unattend-generator#331, #64")
	case welcome != "":
		s.Language = welcome
	}
	return nil
}
