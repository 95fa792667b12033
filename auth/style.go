package auth

import "net/http"

// style is what smart_style_url leads to unless a launch has one of its own (SMART App Launch, "Styling").
func (s *Server) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	writeJSON(w, http.StatusOK, map[string]string{
		"color_background": "#ffffff", "color_error": "#b00020", "color_highlight": "#0b57d0", "color_modal_backdrop": "#00000080",
		"color_success": "#146c2e", "color_text": "#1f1f1f", "dim_border_radius": "6px", "dim_font_size": "16px", "dim_spacing_size": "16px",
		"font_family_body": "system-ui, sans-serif", "font_family_heading": "system-ui, sans-serif",
	})
}

func (s *Server) styleURL() string {
	if s.o.StyleURL != "" {
		return s.o.StyleURL
	}
	return s.url("style.json")
}
