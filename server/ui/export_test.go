package ui

// FaultsOf lets tests of whole flows hold their pages to what all pages are held to.
var FaultsOf = faultsOf
