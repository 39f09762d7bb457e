package answerfile

import (
	"errors"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// SysprepAnswers are the answers of the file given to sysprep, by which a
// clone of the template sets itself up. It holds no secret: it stays in the
// template, as Windows\Panther\unattend.xml.
type SysprepAnswers struct {
	// Product is what is being sealed.
	Product windows.Product
	// Language is the image's ("ko-KR"); required.
	Language string
	// UserLocale and InputLocale follow Language when empty.
	UserLocale  string
	InputLocale string
	// TimeZone is a Windows or IANA name; "UTC" when empty.
	TimeZone string
	// Organization and FullName are the registered owner; empty leaves them.
	Organization string
	FullName     string

	// CloudbaseInit has cloudbase-init run in the specialize pass.
	CloudbaseInit bool
	// Account is the administrator that a clone of a client gets, without a
	// password; cloudbase-init sets it. Required on clients, not used on servers.
	Account string
	// SkipRearm leaves the activation clock alone: for a run that is not the
	// last, else all clones share one client machine id.
	SkipRearm bool
	// Fragments are answer files merged in, by pass and component.
	Fragments [][]byte
}

// Validate names everything that is wrong at once.
func (a SysprepAnswers) Validate() error { return errors.New("not yet") }

// Unattend renders the answer file for sysprep. It validates first.
func Unattend(a SysprepAnswers) ([]byte, error) { return nil, errors.New("not yet") }
