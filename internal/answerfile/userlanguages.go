package answerfile

import (
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// languages finds what Setup's language page would ask for.
func (f userFile) languages() {
	c := f.component(passWindowsPE, componentWinPELocale)
	if c == nil {
		f.p.add(componentWinPELocale, "missing in pass windowsPE; Setup stops at its language page")
		return
	}
	language := strings.TrimSpace(c.value("UILanguage"))
	switch list := f.a.Image.SetupLanguages; {
	case language == "":
		f.p.add(componentWinPELocale+"/UILanguage", "missing; Setup stops at its language page")
	case len(list) > 0 && !containsFold(list, language):
		f.p.add(componentWinPELocale+"/UILanguage", "%q is not in the medium's sources/lang.ini, which has %s; Setup stops at its language page", language, strings.Join(list, ", "))
	}
	if page := strings.TrimSpace(c.value("SetupUILanguage/UILanguage")); page != "" && !strings.EqualFold(page, language) &&
		len(f.a.Image.SetupLanguages) > 0 && !containsFold(f.a.Image.SetupLanguages, page) {
		f.p.add(componentWinPELocale+"/SetupUILanguage", "%q is not in the medium's sources/lang.ini, which has %s; Setup stops at its language page", page, strings.Join(f.a.Image.SetupLanguages, ", "))
	}
	for _, element := range []string{"InputLocale", "UserLocale"} {
		if strings.TrimSpace(c.value(element)) == "" {
			f.p.add(componentWinPELocale+"/"+element, "missing; Setup stops at its language page")
		}
	}
	if input := c.value("InputLocale"); windows.HasIME(input) {
		f.p.add(componentWinPELocale+"/InputLocale", "%q names an IME, which Windows PE has not; write a keyboard such as 0412:00000412", input)
	}
	welcome, in := strings.TrimSpace(f.component(passOOBE, componentLocale).value("UILanguage")), componentLocale
	if welcome == "" { // then the installed Windows has the language of Setup's pages
		welcome, in = language, componentWinPELocale
	}
	if welcome != "" && len(f.a.Image.Languages) > 0 && !containsFold(f.a.Image.Languages, welcome) {
		f.p.add(in+"/UILanguage", "%q is not in the image, which has %s", welcome, strings.Join(f.a.Image.Languages, ", "))
	}
}

// locales finds names of locales and keyboards that Windows has not.
func (f userFile) locales() {
	for _, at := range []struct{ pass, component string }{
		{passWindowsPE, componentWinPELocale}, {passSpecialize, componentLocale}, {passOOBE, componentLocale},
	} {
		for _, element := range []struct {
			name  string
			check func(string) error
		}{
			{"InputLocale", windows.CheckInputLocale}, {"SystemLocale", windows.CheckLocaleName}, {"UserLocale", windows.CheckLocaleName},
		} {
			value := strings.TrimSpace(f.component(at.pass, at.component).value(element.name))
			if value == "" {
				continue // where it may not be, languages says so
			}
			if err := element.check(value); err != nil {
				f.p.add(at.pass+"/"+at.component+"/"+element.name, "%v", err)
			}
		}
	}
}
