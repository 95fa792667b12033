package plan

import (
	"math"
	"strconv"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/index"
)

// near is a box around a circle, in degrees, a little wider than it need be.
func near(num uint16, c search.Circle) Node {
	const degree, margin = math.Pi / 180, 1e-6
	angle := c.Metres / index.EarthRadius // of the radius, seen from the centre of the earth
	north, south := c.Latitude+angle/degree+margin, c.Latitude-angle/degree-margin
	latitude := degrees(num, index.UnitLatitude, max(south, -90), min(north, 90))
	if north >= 90 || south <= -90 {
		return latitude // a pole is inside: all longitudes are
	}
	width := math.Asin(min(math.Sin(angle)/math.Cos(c.Latitude*degree), 1))/degree + margin
	west, east := c.Longitude-width, c.Longitude+width
	longitude := func(from, to float64) Node { return degrees(num, index.UnitLongitude, from, to) }
	switch {
	case west < -180:
		return and([]Node{latitude, or([]Node{longitude(-180, min(east, 180)), longitude(west+360, 180)})})
	case east > 180:
		return and([]Node{latitude, or([]Node{longitude(max(west, -180), 180), longitude(-180, east-360)})})
	}
	return and([]Node{latitude, longitude(west, east)})
}

// degrees is a range of latitudes or longitudes.
func degrees(num uint16, unit string, from, to float64) Node {
	return Range{Num: num, Unit: unit, Low: Span{Min: degreeKey(from), Max: degreeKey(to)}}
}

func degreeKey(x float64) index.Key {
	d, err := fhir.ParseDecimal(strconv.FormatFloat(x, 'f', 9, 64))
	if err != nil {
		return "" // no bound
	}
	return index.Key(d.Key())
}
