package answerfile

// Edition side of a component: on which products it exists.
type Side int

// The sides.
const (
	Both Side = iota
	ServerOnly
	ClientOnly
)

// ValueType is what an element holds.
type ValueType int

// The value types.
const (
	Group  ValueType = iota // child elements
	String                  // text; Max is its longest, in characters
	Bool                    // true or false
	Int                     // Min to Max
	Enum                    // one of Values
)

// Element is one element that Windows Setup knows, in one pass and component.
type Element struct {
	// Pass and Component as the answer file names them.
	Pass, Component string
	// Path below the component, with slashes: "DiskConfiguration/Disk/DiskID".
	Path string
	Type ValueType
	// List items may repeat and carry wcm:action="add".
	List bool
	// KeyValue items carry a unique wcm:keyValue.
	KeyValue bool
	Min, Max int
	Values   []string
	// Side and MinBuild, MaxBuild (0: none) say where it is known.
	Side               Side
	MinBuild, MaxBuild int
	// Source is the public source for it.
	Source string
}

// Schema is what Windows Setup accepts, as far as it is known: every element
// that the generated files use and those that users' files commonly hold.
func Schema() []Element { return nil }
