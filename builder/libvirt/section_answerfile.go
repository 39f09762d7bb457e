package libvirt

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/communicator"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
)

// AnswerFileConfig is for who writes answer files.
type AnswerFileConfig struct {
	// Your own Autounattend.xml, whole, as the path of a file: it goes on the
	// answer disc as it is, in the place of the generated one. The build logs on
	// as the account of its AutoLogon, so `winrm_username` and `winrm_password`
	// may be left out; the seal removes that account unless it is the built-in
	// Administrator. Its defects are named before the machine starts, such as
	// a page that Setup would stop at, or the missing command that opens WinRM.
	// Truth values, enumerations and MetaData's keys must be written as
	// Microsoft writes them (`true`, `FAT32`, `/IMAGE/NAME`), as other cases
	// are not documented to work.
	// Of the fields that say how Setup is answered only
	// `first_logon_commands` and `proxy` go with it.
	AnswerFile string `mapstructure:"answer_file"`
	// Pieces of answer files to merge into the generated one.
	Fragments []Fragment `mapstructure:"answer_file_fragment"`

	own       *answerfile.FileFacts // of AnswerFile; nil without one
	ownData   []byte
	fragments [][]byte
}

// Fragment is a complete <unattend> document that holds only what is to be
// added: components are merged by pass; an element with text replaces the
// generated one; items of lists (commands, accounts, firewall groups) are put
// behind the generated ones. What they make together is judged like a file of
// your own. Commands of the first logon go into `first_logon_commands`, since
// Windows starts all that an answer file lists at once. What the build goes by
// itself has a field and is refused in a fragment: the account of AutoLogon and
// its password (`winrm_password`), the time zone (`time_zone`) and Windows'
// language (`language`).
type Fragment struct {
	// The file that holds it. One of `path` and `content` is given.
	Path string `mapstructure:"path"`
	// The text itself, as `templatefile(…)` makes it.
	Content string `mapstructure:"content"`
}

// Prepare reads the files, so that `packer validate` can name their defects and
// so that their passwords are known as secrets before anything is said.
func (c *AnswerFileConfig) Prepare(comm *communicator.Config) []error {
	var errs []error
	for i, f := range c.Fragments {
		data, err := f.read()
		if err != nil {
			errs = append(errs, fmt.Errorf("answer_file_fragment[%d]: %w", i, err))
		}
		if err == nil && data != nil {
			c.fragments = append(c.fragments, data)
		}
	}
	if c.AnswerFile == "" || unknown(c.AnswerFile) {
		return errs
	}
	data, err := os.ReadFile(c.AnswerFile)
	if err != nil {
		return append(errs, fmt.Errorf("answer_file: %w", err))
	}
	facts, err := answerfile.ReadFile(data)
	if err != nil {
		return append(errs, fmt.Errorf("answer_file: %s: %w", c.AnswerFile, err))
	}
	c.own, c.ownData = &facts, data
	for _, defect := range answerfile.Defects(answerfile.CheckFileForm(data)) {
		errs = append(errs, fmt.Errorf("answer_file: %s: %w", c.AnswerFile, defect))
	}
	return append(errs, c.logon(comm)...)
}

// logon has the build log on as the file's account.
func (c *AnswerFileConfig) logon(comm *communicator.Config) []error {
	if c.own.Account == "" || c.own.Password == "" {
		return []error{fmt.Errorf("answer_file: %s: no AutoLogon with Username and Password in pass oobeSystem; the build logs on as that account", c.AnswerFile)}
	}
	var errs []error
	setDefault(&comm.WinRMUser, c.own.Account)
	setDefault(&comm.WinRMPassword, c.own.Password)
	if !unknown(comm.WinRMUser) && !strings.EqualFold(comm.WinRMUser, c.own.Account) {
		errs = append(errs, fmt.Errorf("winrm_username: %q, but AutoLogon of %s names %q; remove the field", comm.WinRMUser, c.AnswerFile, c.own.Account))
	}
	if !unknown(comm.WinRMPassword) && comm.WinRMPassword != c.own.Password {
		errs = append(errs, fmt.Errorf("winrm_password: not the password of AutoLogon in %s; remove the field", c.AnswerFile))
	}
	return errs
}

// read gives nothing for what is not known yet.
func (f Fragment) read() ([]byte, error) {
	switch {
	case unknown(f.Path), unknown(f.Content):
		return nil, nil
	case (f.Path == "") == (f.Content == ""):
		return nil, errors.New("give one of path and content")
	case f.Path != "":
		return os.ReadFile(f.Path)
	}
	return []byte(f.Content), nil
}

// secrets are the passwords in all of them.
func (c *AnswerFileConfig) secrets() []string {
	var out []string
	if c.own != nil {
		out = append(out, c.own.Secrets...)
	}
	for _, data := range c.fragments {
		if facts, err := answerfile.ReadFile(data); err == nil {
			out = append(out, facts.Secrets...)
		}
	}
	return out
}
