package answerfile

import "strings"

// FindSecrets names the elements of an answer file that hold a password with
// a value ("oobeSystem/Microsoft-Windows-Shell-Setup/AutoLogon/Password"), in
// the order of the file. What cannot be read as an answer file is named as
// such: nobody can say what is in it.
func FindSecrets(xml []byte) []string {
	root, err := parse(xml)
	if err != nil {
		return []string{"unreadable: " + err.Error()}
	}
	var found []string
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		for _, kid := range n.kids {
			name := kid.name
			if kid.name == "settings" {
				name = kid.attr("pass")
			} else if kid.name == "component" {
				name = kid.attr("name")
			}
			at := strings.TrimPrefix(path+"/"+name, "/")
			if strings.HasSuffix(strings.ToLower(kid.name), "password") && hasPassword(kid) {
				found = append(found, at)
				continue
			}
			walk(kid, at)
		}
	}
	walk(root, "")
	return found
}

// deleted is what Windows puts in the place of a password in its own copies.
const deleted = "*SENSITIVE*DATA*DELETED*"

// hasPassword looks for a value, written plainly or hidden; the hidden form of
// no password is not empty.
func hasPassword(n *node) bool {
	value := n.child("Value")
	if value == nil {
		value = n
	}
	text := strings.TrimSpace(value.text)
	if text == "" || text == deleted {
		return false
	}
	if strings.EqualFold(strings.TrimSpace(n.value("PlainText")), "false") {
		if password, ok := reveal(text, n.name); ok {
			return password != ""
		}
	}
	return true
}
