package windows

import (
	"fmt"
	"strings"
)

// Locale is what an answer file says of one Windows display language.
type Locale struct {
	// Tag is the language as Windows writes it ("ko-KR").
	Tag string
	// SetupInput is the keyboard for the windowsPE pass ("0412:00000412").
	// WinPE has no IMEs: no working answer file names one there.
	SetupInput string
	// Input is the keyboard or IME for the oobeSystem pass.
	Input string
	// LayeredDriver is the keyboard hardware that WinPE must be told, or 0:
	// 6 is the Japanese 106-key keyboard (wakame-vdc).
	LayeredDriver int
	// TimeZone is the zone of the language's main country, by its Windows
	// name. English and other languages of many zones have UTC.
	TimeZone string
	// Administrator is the name of the built-in account (RID 500) on an
	// image of this language, "" when it is not known for certain.
	Administrator string
}

// LookupLocale finds a display language of Windows by its tag, in any case.
func LookupLocale(tag string) (Locale, error) {
	for _, row := range locales {
		if strings.EqualFold(row.tag, strings.TrimSpace(tag)) {
			keyboard := row.lcid + ":" + row.keyboard
			locale := Locale{
				Tag: row.tag, SetupInput: keyboard, Input: keyboard, LayeredDriver: row.layered,
				TimeZone: row.zone, Administrator: row.administrator,
			}
			if row.ime != "" {
				locale.Input = row.lcid + ":" + row.ime
			}
			return locale, nil
		}
	}
	return Locale{}, fmt.Errorf("language %q is no display language of Windows that is known here: write it as the image has it, such as en-US, ko-KR, ja-JP", tag)
}

// The names of RID 500: vmware/packer-examples-for-vsphere#332 has those that
// differ; Microsoft's list of localized names has no others among the
// languages of Windows Server. Client-only languages are left out: there the
// account is disabled, and nobody logs on by it.
const administrator = "Administrator"

type localeRow struct {
	tag, lcid, keyboard, ime string
	layered                  int
	zone, administrator      string
}

// locales are the display languages of Windows 10, 11 and Server
// (unattend-generator's ImageLanguage.json), their LCIDs ([MS-LCID]) and
// keyboards (KeyboardIdentifier.json and Microsoft's "Default input profiles").
var locales = []localeRow{
	{"ar-SA", "0401", "00000401", "", 0, "Arab Standard Time", ""},
	{"bg-BG", "0402", "00030402", "", 0, "FLE Standard Time", ""},
	{"cs-CZ", "0405", "00000405", "", 0, "Central Europe Standard Time", administrator},
	{"da-DK", "0406", "00000406", "", 0, "Romance Standard Time", ""},
	{"de-DE", "0407", "00000407", "", 0, "W. Europe Standard Time", administrator},
	{"el-GR", "0408", "00000408", "", 0, "GTB Standard Time", ""},
	{"en-GB", "0809", "00000809", "", 0, "UTC", administrator},
	{"en-US", "0409", "00000409", "", 0, "UTC", administrator},
	{"es-ES", "0c0a", "0000040a", "", 0, "Romance Standard Time", "Administrador"},
	{"es-MX", "080a", "0000080a", "", 0, "Central Standard Time (Mexico)", ""},
	{"et-EE", "0425", "00000425", "", 0, "FLE Standard Time", ""},
	{"fi-FI", "040b", "0000040b", "", 0, "FLE Standard Time", "Järjestelmänvalvoja"},
	{"fr-CA", "0c0c", "00001009", "", 0, "Eastern Standard Time", ""},
	{"fr-FR", "040c", "0000040c", "", 0, "Romance Standard Time", "Administrateur"},
	{"he-IL", "040d", "0002040d", "", 0, "Israel Standard Time", ""},
	{"hr-HR", "041a", "0000041a", "", 0, "Central European Standard Time", ""},
	{"hu-HU", "040e", "0000040e", "", 0, "Central Europe Standard Time", "Rendszergazda"},
	{"it-IT", "0410", "00000410", "", 0, "W. Europe Standard Time", administrator},
	{"ja-JP", "0411", "00000411", "{03b5835f-f03c-411b-9ce2-aa23e1171e36}{a76c93d9-5523-4e90-aafa-4db112f9ac76}", 6, "Tokyo Standard Time", administrator},
	{"ko-KR", "0412", "00000412", "{a028ae76-01b1-46c2-99c4-acd9858ae02f}{b5fe1f02-d5f2-4445-9c03-c568f23c99a1}", 0, "Korea Standard Time", administrator},
	{"lt-LT", "0427", "00010427", "", 0, "FLE Standard Time", ""},
	{"lv-LV", "0426", "00020426", "", 0, "FLE Standard Time", ""},
	{"nb-NO", "0414", "00000414", "", 0, "W. Europe Standard Time", ""},
	{"nl-NL", "0413", "00020409", "", 0, "W. Europe Standard Time", administrator},
	{"pl-PL", "0415", "00000415", "", 0, "Central European Standard Time", administrator},
	{"pt-BR", "0416", "00000416", "", 0, "E. South America Standard Time", "Administrador"},
	{"pt-PT", "0816", "00000816", "", 0, "GMT Standard Time", "Administrador"},
	{"ro-RO", "0418", "00010418", "", 0, "GTB Standard Time", ""},
	{"ru-RU", "0419", "00000419", "", 0, "Russian Standard Time", "Администратор"},
	{"sk-SK", "041b", "0000041b", "", 0, "Central Europe Standard Time", ""},
	{"sl-SI", "0424", "00000424", "", 0, "Central Europe Standard Time", ""},
	{"sr-Latn-RS", "241a", "0000081a", "", 0, "Central Europe Standard Time", ""},
	{"sv-SE", "041d", "0000041d", "", 0, "W. Europe Standard Time", "Administratör"},
	{"th-TH", "041e", "0000041e", "", 0, "SE Asia Standard Time", ""},
	{"tr-TR", "041f", "0000041f", "", 0, "Turkey Standard Time", administrator},
	{"uk-UA", "0422", "00020422", "", 0, "FLE Standard Time", ""},
	{"zh-CN", "0804", "00000804", "{81d4e9c9-1d3b-41bc-9e6c-4b40bf79e35e}{fa550b04-5ad7-411f-a5ac-ca038ec515d7}", 0, "China Standard Time", administrator},
	{"zh-TW", "0404", "00000404", "{b115690a-ea02-48d5-a231-e3578d2fdf80}{b2f9c502-1742-11d4-9790-0080c882687e}", 0, "Taipei Standard Time", administrator},
}
