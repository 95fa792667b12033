package ui

import (
	"crypto/sha256"
	_ "embed" // of the stylesheet
	"encoding/hex"
)

// Asset is a file that pages refer to. Its path changes with its content, so it may be kept for ever.
type Asset struct {
	Path  string // on the server: "/assets/firewarden-0123456789abcdef.css"
	Media string
	Body  []byte
}

var (
	//go:embed style.css
	style []byte
	//go:embed icon.svg
	icon []byte
)

// Assets are the files that pages refer to.
func (p *Pages) Assets() []Asset { return []Asset{p.style, p.icon} }

func asset(root, name, suffix, media string, body []byte) Asset {
	sum := sha256.Sum256(body)
	return Asset{root + "/assets/" + name + "-" + hex.EncodeToString(sum[:8]) + suffix, media, body}
}
