// Package house keeps the plan of the house true: its test reads the import graph of the module and fails when a
// package calls upstairs or uses a library that belongs to another room. It holds no code of the product.
package house
