package iso9660

import (
	"io"
	"time"
)

// Stub gives the ISO 9660 side of a Windows disc: a primary volume descriptor,
// and a root directory with one file that says where to look instead. content
// lies after what is given as tail, which is to be put at sector at.
func Stub(label string, recorded time.Time, sectors, at uint32, name string, content []byte) (descriptor, tail []byte, err error) {
	root, err := buildTree([]File{{Path: name, Size: int64(len(content)), Open: func() (io.ReadCloser, error) { return nil, nil }}})
	if err != nil {
		return nil, nil, err
	}
	d := &disc{options: Options{Label: label, Recorded: recorded}, root: root, sectors: sectors}
	d.dirs[plain] = root.directories(plain)
	d.tableSize[plain] = 10 // the root's entry
	root.size[plain] = root.extentSize(plain)
	root.sector[plain] = at
	next := at + root.size[plain]/sectorSize
	d.tables[plain] = [2]uint32{next, next + 1}
	file := root.children[0]
	file.sector[plain], file.size[plain] = next+2, uint32(len(content))
	tail = d.directory(root, plain)
	for _, order := range byteOrders {
		tail = append(tail, d.pathTable(plain, order)...)
	}
	return d.volumeDescriptor(plain), append(tail, content...), nil
}
