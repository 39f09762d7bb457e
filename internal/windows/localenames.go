package windows

import (
	_ "embed" // localenames.txt
	"fmt"
	"regexp"
	"strings"
	"sync"
)

//go:embed localenames.txt
var localeNameTable string

// noLanguageID stands for all locales that have no identifier of their own.
const noLanguageID = "1000"

// localeNames are the locales of Windows, each with its language identifier: of
// dates, numbers and keyboards, many more than the display languages.
type localeNames struct {
	names    []string          // sorted
	byFolded map[string]string // a name in lower case, as Windows writes it
	byID     map[string]string // a language identifier, the name
}

var knownLocales = sync.OnceValue(func() localeNames {
	l := localeNames{byFolded: map[string]string{}, byID: map[string]string{}}
	for line := range strings.Lines(localeNameTable) {
		name, id, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		l.names = append(l.names, name)
		l.byFolded[strings.ToLower(name)] = name
		l.byID[id] = name
	}
	return l
})

// CheckLocaleName says what is wrong with the value of a UserLocale or
// SystemLocale element, or nil. What Windows makes of one that it does not know
// is not documented; a template with another country's dates at the best.
func CheckLocaleName(name string) error {
	name = strings.TrimSpace(name)
	l := knownLocales()
	if l.byFolded[strings.ToLower(name)] != "" {
		return nil
	}
	language, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "-")
	var same []string
	for _, one := range l.names {
		if strings.HasPrefix(strings.ToLower(one), language+"-") {
			same = append(same, one)
		}
	}
	const most = 20
	switch {
	case language == "" || len(same) == 0:
		return fmt.Errorf("%q is no locale of Windows: write a language and its country, such as ko-KR, en-US or de-CH", name)
	case len(same) > most:
		same = append(same[:most], "…")
	}
	return fmt.Errorf("%q is no locale of Windows; with that language it has %s", name, strings.Join(same, ", "))
}

var inputForm = regexp.MustCompile(`^([0-9a-f]{4}):(?:[0-9a-f]{4}([0-9a-f]{4})|(?:\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}){2})$`)

// customLayouts ends the identifiers of keyboards of no one language, such as
// Myanmar's or N'Ko's.
const customLayouts = "0c00"

// CheckInputLocale says what is wrong with the value of an InputLocale element,
// or nil: locales, "language:keyboard" or "language:{tip}{profile}", several with
// semicolons. Of a keyboard only the language at its end is looked at: images may
// have further layouts of it.
func CheckInputLocale(value string) error {
	ids := knownLocales().byID
	for one := range strings.SplitSeq(value, ";") {
		one = strings.TrimSpace(one)
		parts := inputForm.FindStringSubmatch(strings.ToLower(one))
		if parts == nil {
			if strings.ContainsAny(one, ":{") || len(one) < 2 {
				return fmt.Errorf("%q is no keyboard: write a locale (ko-KR), a keyboard (0412:00000412) or an IME (0412:{…}{…})", one)
			}
			if err := CheckLocaleName(one); err != nil {
				return fmt.Errorf("%w; or write a keyboard (0412:00000412) or an IME (0412:{…}{…})", err)
			}
			continue
		}
		language, keyboard := parts[1], parts[2]
		if keyboard != "" && keyboard != customLayouts && ids[keyboard] == "" {
			return fmt.Errorf("%q: no keyboard of Windows ends in %s, which is no language's identifier; %s", one, keyboard, idAdvice(language))
		}
		if ids[language] == "" {
			return fmt.Errorf("%q: %s is no language's identifier; %s", one, language, idAdvice(keyboard))
		}
	}
	return nil
}

// idAdvice names the identifier that was probably meant.
func idAdvice(id string) string {
	if name := knownLocales().byID[id]; name != "" && id != noLanguageID {
		return fmt.Sprintf("%s is that of %s, whose own keyboard %q stands for", id, name, name)
	}
	return "write a locale such as ko-KR, which stands for its own keyboard, or one such as 0412:00000412"
}

// HasIME tells whether an InputLocale names an input method editor.
func HasIME(value string) bool { return strings.Contains(value, "{") }
