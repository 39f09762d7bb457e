package media

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/udf"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

// Wish is what a user asks for. Each field that is given must hold. Without
// edition, name and index the disc must hold one image only.
type Wish struct {
	// Edition is an edition id, a flag or the edition's word in the image's
	// name: SERVERSTANDARD, ServerStandardCore, Professional, Pro.
	Edition string
	// ImageName is <NAME> or <DISPLAYNAME>, in any case.
	ImageName string
	// ImageIndex counts from 1; 0 means not given.
	ImageIndex int
	// Architecture is amd64, x86 or arm64; empty accepts any.
	Architecture string
}

// ChoiceError says that a wish fits no image, or more than one, and lists what
// the disc holds.
type ChoiceError struct {
	// Field is edition, image_name, image_index or architecture.
	Field string
	// Wanted is the field's value; empty when it was not given.
	Wanted string
	// With are the other wishes that the images must fit as well, e.g.
	// `image_index 1`; set where the field alone fits an image and only the
	// combination fits none.
	With []string
	// Ambiguous are the images that all fit; empty when none does.
	Ambiguous []WindowsImage
	// Choices are the images of the disc.
	Choices []WindowsImage
}

// Error names the field, what was wanted and the choices, one a line.
func (e *ChoiceError) Error() string {
	var b strings.Builder
	list := e.Choices
	switch {
	case e.Wanted == "":
		fmt.Fprintf(&b, "%s: not given, and this disc holds several images; choose one of:", e.Field)
	case len(e.Ambiguous) > 0:
		fmt.Fprintf(&b, "%s: %q fits more than one image; add image_index for one of:", e.Field, e.Wanted)
		list = e.Ambiguous
	case len(e.With) > 0:
		fmt.Fprintf(&b, "%s: %q contradicts %s: each fits an image, none fits both; give one of them. This disc holds:", e.Field, e.Wanted, strings.Join(e.With, " and "))
	default:
		fmt.Fprintf(&b, "%s: %q fits no image of this disc, which holds:", e.Field, e.Wanted)
	}
	for _, x := range list {
		fmt.Fprintf(&b, "\n  image_index %d, image_name %q", x.Index, x.Name)
		var more []string
		if x.DisplayName != "" && x.DisplayName != x.Name {
			more = append(more, udf.Printable(x.DisplayName))
		}
		for _, s := range []string{x.EditionID, x.InstallationType, x.Architecture, x.DefaultLanguage} {
			if s != "" {
				more = append(more, udf.Printable(s))
			}
		}
		if len(more) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(more, ", "))
		}
	}
	return b.String()
}

// Resolve finds the one image that w asks for. The error is a *ChoiceError.
func (f *Facts) Resolve(w Wish) (WindowsImage, error) {
	left := f.Images
	field, wanted := "edition", ""
	var given []string
	narrow := func(name, value string, match func([]WindowsImage) []WindowsImage) error {
		field, wanted = name, value
		fit := match(left)
		if len(fit) == 0 {
			e := &ChoiceError{Field: name, Wanted: value, Choices: f.Images}
			if len(match(f.Images)) > 0 {
				e.With = given
			}
			return e
		}
		left, given = fit, append(given, fmt.Sprintf("%s %q", name, value))
		return nil
	}
	if a := w.Architecture; a != "" {
		err := narrow("architecture", a, func(in []WindowsImage) []WindowsImage {
			return keep(in, func(x WindowsImage) bool { return strings.EqualFold(x.Architecture, architectureOf(a)) })
		})
		if err != nil {
			return WindowsImage{}, err
		}
		field, wanted = "edition", ""
	}
	if n := w.ImageIndex; n != 0 {
		err := narrow("image_index", strconv.Itoa(n), func(in []WindowsImage) []WindowsImage {
			return keep(in, func(x WindowsImage) bool { return x.Index == n })
		})
		if err != nil {
			return WindowsImage{}, err
		}
	}
	if w.ImageName != "" {
		if err := narrow("image_name", w.ImageName, byName(w.ImageName)); err != nil {
			return WindowsImage{}, err
		}
	}
	if w.Edition != "" {
		if err := narrow("edition", w.Edition, byEdition(w.Edition)); err != nil {
			return WindowsImage{}, err
		}
	}
	if len(left) > 1 {
		e := &ChoiceError{Field: field, Wanted: wanted, Choices: f.Images}
		if wanted != "" {
			e.Ambiguous = left
		}
		return WindowsImage{}, e
	}
	if len(left) == 0 {
		return WindowsImage{}, &ChoiceError{Field: field, Wanted: wanted, Choices: f.Images}
	}
	return left[0], nil
}

// byName prefers NAME to DISPLAYNAME, and both to either without the word
// Evaluation, which DISM prints and the same retail name lacks.
func byName(wanted string) func([]WindowsImage) []WindowsImage {
	want := canonical(wanted)
	return firstStage(
		func(x WindowsImage) []string { return []string{x.Name} },
		func(x WindowsImage) []string { return []string{x.DisplayName} },
		func(x WindowsImage) []string {
			return []string{withoutEvaluation(x.Name), withoutEvaluation(x.DisplayName)}
		},
	)(want)
}

// byEdition understands, in this order: FLAGS and the edition's word in NAME
// (SERVERSTANDARDCORE; Pro), the edition id, and either without Eval and
// without the leading Server. Core and desktop editions of a server share their
// edition id, so that of a core one counts with Core at its end; DISM's Cor is
// taken for it.
func byEdition(wanted string) func([]WindowsImage) []WindowsImage {
	want := canonical(wholeCore(canonical(wanted)))
	return firstStage(
		func(x WindowsImage) []string { return []string{wholeCore(x.Flags), editionWord(x.Name), editionID(x)} },
		func(x WindowsImage) []string {
			return []string{withoutEval(wholeCore(x.Flags)), withoutEval(editionID(x)), withoutEvaluation(editionWord(x.Name))}
		},
		func(x WindowsImage) []string {
			id, _ := strings.CutPrefix(canonical(withoutEval(editionID(x))), "server")
			words := []string{id, editionWord(x.DisplayName), editionWord(withoutEvaluation(x.DisplayName))}
			if x.Evaluation {
				// a server's DISPLAYNAME without more words is the core edition's, while
				// "Standard Evaluation" may mean either
				words = append(words, id+"evaluation")
			}
			return words
		},
	)(want)
}

// firstStage gives the images that fit the first stage that any fits.
func firstStage(stages ...func(WindowsImage) []string) func(string) func([]WindowsImage) []WindowsImage {
	return func(want string) func([]WindowsImage) []WindowsImage {
		return func(in []WindowsImage) []WindowsImage {
			for _, words := range stages {
				fit := keep(in, func(x WindowsImage) bool {
					for _, word := range words(x) {
						if word != "" && canonical(word) == want {
							return true
						}
					}
					return false
				})
				if len(fit) > 0 {
					return fit
				}
			}
			return nil
		}
	}
}

func keep(in []WindowsImage, fits func(WindowsImage) bool) []WindowsImage {
	var out []WindowsImage
	for _, x := range in {
		if fits(x) {
			out = append(out, x)
		}
	}
	return out
}

// canonical compares names without case, spaces, hyphens and underscores.
func canonical(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '_', '\t', '\u00a0':
			return -1
		}
		return r
	}, strings.ToLower(s))
}

// editionWord is what follows the product in an image's name: "Windows Server
// 2022 SERVERSTANDARD" gives SERVERSTANDARD, "Windows 11 Pro N" gives Pro N.
func editionWord(name string) string {
	words := strings.Fields(name)
	for i, word := range words {
		if _, err := strconv.Atoi(strings.TrimSuffix(strings.ToUpper(word), "R2")); err == nil && i > 0 {
			rest := words[i+1:]
			if len(rest) > 0 && strings.EqualFold(rest[0], "R2") {
				rest = rest[1:]
			}
			return strings.Join(rest, " ")
		}
	}
	return ""
}

// editionID is the edition id, always with Core at its end where the image has
// no desktop: some media have Cor in it, Microsoft's nothing.
func editionID(x WindowsImage) string {
	id := cmp.Or(x.EditionID, x.Flags)
	if strings.EqualFold(x.InstallationType, windows.InstallationServerCore) {
		return windows.BaseEdition(id) + "Core"
	}
	return wholeCore(id)
}

// wholeCore writes out the ending of DISM's edition ids, ServerStandardCor.
func wholeCore(id string) string {
	if base := windows.BaseEdition(id); base != id {
		return base + "Core"
	}
	return id
}

func withoutEval(id string) string {
	lower := strings.ToLower(id)
	switch {
	case strings.HasSuffix(lower, "evalcore"):
		return id[:len(id)-len("evalcore")] + "Core"
	case strings.HasSuffix(lower, "eval"):
		return id[:len(id)-len("eval")]
	}
	return id
}

func withoutEvaluation(name string) string {
	var out []string
	for _, word := range strings.Fields(name) {
		if !strings.EqualFold(word, "Evaluation") {
			out = append(out, word)
		}
	}
	return strings.Join(out, " ")
}

// architectureOf maps the other names in use to the answer file's.
func architectureOf(name string) string {
	switch strings.ToLower(name) {
	case "x64", "x86_64", "amd64":
		return "amd64"
	case "i386", "i686", "x86":
		return "x86"
	case "aarch64", "arm64":
		return "arm64"
	}
	return name
}
