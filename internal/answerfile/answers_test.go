package answerfile

import (
	"github.com/wintemplate/packer-plugin-wintemplate/internal/windows"
)

const testPassword = "Passw0rd!-of-the-build_"

func mustProduct(build int, installation string) windows.Product {
	p, err := windows.ProductOf(build, installation)
	if err != nil {
		panic(err)
	}
	return p
}

// server2022 are the answers of the shortest template for Server 2022.
func server2022() Answers {
	return Answers{
		Product:               mustProduct(20348, "Server"),
		Firmware:              UEFI,
		Image:                 Image{Index: 2, EditionID: "ServerStandardEval", Architecture: "amd64", Languages: []string{"en-US"}, DefaultLanguage: "en-US", SetupLanguages: []string{"en-US"}, Channel: Evaluation, Editions: 4},
		AdministratorPassword: testPassword,
	}
}
