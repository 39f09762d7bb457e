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
	k, screen := s.checkKey()
	if screen != nil {
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
	return &Installation{
		Image: image, Layout: layout, Language: s.Language, Drivers: s.Drivers, AnswerFile: s.File,
	}, nil
}
