package setup

import "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/wimfile"

// Installation is what Setup will do to the disk.
type Installation struct {
	Image    wimfile.Image
	Layout   Layout
	Language string
	Drivers  []DriverPackage
	// AnswerFile is copied to Windows\Panther, where the later passes read it.
	AnswerFile []byte
}

// Install is Setup from the disks on: product key, image, licence, disk. The
// disks are those that the machine shows once the drivers are loaded.
func (s *Session) Install(disks []Disk) (*Installation, *Screen) {
	const component = "Microsoft-Windows-Setup"
	if screen := s.checkCourse(); screen != nil {
		return nil, screen
	}
	if screen := s.wishedPage(component, "DynamicUpdate", "update-page", "Get updates, drivers and optional features"); screen != nil {
		return nil, screen
	}
	k, screen := s.checkKey()
	if screen != nil {
		return nil, screen
	}
	if screen := s.wishedPage(component, "UserData/ProductKey", "key-page", "Enter the product key to activate Windows"); screen != nil {
		return nil, screen
	}
	image, screen := s.chooseImage(k)
	if screen != nil {
		return nil, screen
	}
	if screen := s.checkImageLanguage(image); screen != nil {
		return nil, screen
	}
	if screen := s.checkEULA(); screen != nil {
		return nil, screen
	}
	if screen := s.checkRequirements(image.InstallationType); screen != nil {
		return nil, screen
	}
	layout, screen := s.planDisk(disks, image.TotalBytes)
	if screen != nil {
		return nil, screen
	}
	// Both show where to install; a layout is applied before ("WillShowUI" of
	// DiskConfiguration).
	for _, section := range []string{"DiskConfiguration", "ImageInstall/OSImage"} {
		if screen := s.wishedPage(component, section, "disk-page", "Where do you want to install Windows?"); screen != nil {
			return nil, screen
		}
	}
	return &Installation{
		Image: image, Layout: layout, Language: s.Language, Drivers: s.Drivers, AnswerFile: s.File,
	}, nil
}
