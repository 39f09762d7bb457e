package guest

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/cloudbase"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

func (s *Sysprep) unattend(r *run, cloud guest.CloudbaseVerifyResult) ([]byte, error) {
	product, err := windows.ProductOf(r.facts.Build, r.facts.InstallationType)
	if err != nil {
		return nil, err
	}
	a := answerfile.SysprepAnswers{
		Product: product, Language: r.language(), UserLocale: s.UserLocale, InputLocale: s.InputLocale,
		TimeZone: s.TimeZone, Organization: s.Organization, FullName: s.FullName, KMSHost: s.KMSHost,
		CloudbaseInit: cloud.Installed, SkipRearm: s.SkipRearm, PageFile: r.facts.PageFileRemoved,
	}
	if a.TimeZone == "" {
		a.TimeZone = r.facts.TimeZone
		if g := r.seat.Guest; g != nil && g.TimeZone != "" {
			a.TimeZone = g.TimeZone
		}
	}
	switch {
	case r.client():
		if cloud.Installed {
			if err := sameAccount(s.Account, cloudbase.ParseConf(cloud.Conf).Username); err != nil {
				return nil, fmt.Errorf("account: %w", err)
			}
		}
		a.Account = s.account(cloud)
	case s.Account != "":
		r.ui.Error("Warning: account: only instances of client editions get one; a server's is the built-in Administrator")
	}
	fragments, errs := s.fragments()
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	a.Fragments = fragments
	return answerfile.Unattend(a)
}

func (s *Sysprep) account(cloud guest.CloudbaseVerifyResult) string {
	if s.Account != "" {
		return s.Account
	}
	if cloud.Installed {
		return cloudbase.ParseConf(cloud.Conf).Username
	}
	return clientAccount
}

// language of the image: what the builder resolved, else the first that the
// guest names.
func (r *run) language() string {
	if g := r.seat.Guest; g != nil && g.Language != "" {
		return g.Language
	}
	if len(r.facts.UILanguages) > 0 {
		return r.facts.UILanguages[0]
	}
	return "en-US"
}

// fragments reads the files of unattend_fragments that are known.
func (s *Sysprep) fragments() (texts [][]byte, errs []error) {
	for i, path := range s.UnattendFragments {
		if path == unknown {
			texts = append(texts, []byte(emptyFragment))
			continue
		}
		field := fmt.Sprintf("unattend_fragments[%d]", i)
		if err := checkFile(field, path); err != nil || path == "" {
			errs = append(errs, cmp.Or(err, fmt.Errorf("%s: empty", field)))
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
			continue
		}
		texts = append(texts, b)
	}
	return texts, errs
}

// emptyFragment stands for a file that is not known yet.
const emptyFragment = `<unattend xmlns="urn:schemas-microsoft-com:unattend"></unattend>`
