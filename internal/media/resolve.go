package media

import "errors"

// Wish is what a user asks for. At least one of the first three is given; each
// that is given must hold.
type Wish struct {
	// Edition is an edition id, a flag or the edition's word in the image's
	// name: SERVERSTANDARD, ServerStandardCore, Professional, "Pro".
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
	// Wanted is the field's value.
	Wanted string
	// Ambiguous are the images that all fit; empty when none does.
	Ambiguous []WindowsImage
	// Choices are the images of the disc.
	Choices []WindowsImage
}

// Error names the field, what was wanted and the choices, one a line.
func (e *ChoiceError) Error() string { return "not yet" }

// Resolve finds the one image that w asks for. The error is a *ChoiceError.
func (f *Facts) Resolve(w Wish) (WindowsImage, error) { return WindowsImage{}, errors.New("not yet") }
