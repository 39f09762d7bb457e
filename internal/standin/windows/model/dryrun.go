package model

import "github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"

// Refusals are the lines of setuperr.log with which sysprep would refuse now,
// before it changed anything. It runs nothing: for tests that ask, after a
// preflight's fix, whether it told the truth.
func (m *Model) Refusals() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	const answers = answerfile.GuestFolder + `\refusals.xml`
	_, rest, _ := splitDrive(answers)
	if err := m.disk.write(rest, []byte(`<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="specialize"/></unattend>`)); err != nil {
		return []string{err.Error()}
	}
	defer func() { _ = m.disk.remove(rest) }()
	return m.validate(answers)
}
