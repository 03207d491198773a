package terraform

import (
	"errors"
	"fmt"
	"sort"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var items = function.Parameter{Name: "list", Type: cty.DynamicPseudoType, AllowUnknown: true}

// iterable reports an argument that is no list or not known.
func iterable(v cty.Value) (known bool, err error) {
	ty := v.Type()
	if ty != cty.DynamicPseudoType && !ty.IsTupleType() && !ty.IsListType() && !ty.IsSetType() {
		return false, errors.New("the argument must be a list")
	}
	return v.IsKnown(), nil
}

// all2 is alltrue, or anytrue.
func all2(every bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{items},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			known, err := iterable(args[0])
			if err != nil || !known {
				return cty.UnknownVal(cty.Bool), err
			}
			for it := args[0].ElementIterator(); it.Next(); {
				_, v := it.Element()
				v, err := convert.Convert(v, cty.Bool)
				switch {
				case err != nil:
					return cty.UnknownVal(cty.Bool), err
				case !v.IsKnown():
					known = false
				case v.IsNull() && every, !v.IsNull() && v.True() != every:
					return cty.BoolVal(!every), nil
				}
			}
			if !known {
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.BoolVal(every), nil
		},
	})
}

var sumFunc = function.New(&function.Spec{
	Params: []function.Parameter{items},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		known, err := iterable(args[0])
		if err != nil || !known {
			return cty.UnknownVal(cty.Number), err
		}
		sum := cty.Zero
		for it := args[0].ElementIterator(); it.Next(); {
			_, v := it.Element()
			v, err := convert.Convert(v, cty.Number)
			if err != nil || v.IsNull() {
				return cty.UnknownVal(cty.Number), errors.New("all items must be numbers")
			}
			sum = sum.Add(v)
		}
		return sum, nil
	},
})

// oneFunc gives the only item of a list, or null.
var oneFunc = function.New(&function.Spec{
	Params: []function.Parameter{items},
	Type: func(args []cty.Value) (cty.Type, error) {
		v, err := one(args[0])
		return v.Type(), err
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return one(args[0]) },
})

func one(list cty.Value) (cty.Value, error) {
	known, err := iterable(list)
	if err != nil || !known {
		return cty.DynamicVal, err
	}
	switch list.LengthInt() {
	case 0:
		return cty.NullVal(cty.DynamicPseudoType), nil
	case 1:
		it := list.ElementIterator()
		it.Next()
		_, v := it.Element()
		return v, nil
	}
	return cty.DynamicVal, errors.New("the list must have one item or none")
}

// indexFunc finds a value in a list.
var indexFunc = function.New(&function.Spec{
	Params: []function.Parameter{items, anything},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		known, err := iterable(args[0])
		if err != nil || !known {
			return cty.UnknownVal(cty.Number), err
		}
		for it := args[0].ElementIterator(); it.Next(); {
			i, v := it.Element()
			same, err := stdlib.Equal(v, args[1])
			if err != nil || !same.IsKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if same.True() {
				return i, nil
			}
		}
		return cty.UnknownVal(cty.Number), errors.New("the value is not in the list")
	},
})

// matchKeysFunc gives the values whose keys are searched for.
var matchKeysFunc = function.New(&function.Spec{
	Params: []function.Parameter{items, items, items},
	Type:   function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		for _, a := range args {
			if known, err := iterable(a); err != nil || !known || !a.IsWhollyKnown() {
				return cty.DynamicVal, err
			}
		}
		values, keys, wanted := args[0].AsValueSlice(), args[1].AsValueSlice(), args[2].AsValueSlice()
		if len(values) != len(keys) {
			return cty.DynamicVal, errors.New("there must be as many keys as values")
		}
		out := []cty.Value{}
		for i, key := range keys {
			for _, w := range wanted {
				if same, err := stdlib.Equal(key, w); err == nil && same.True() {
					out = append(out, values[i])
					break
				}
			}
		}
		return cty.TupleVal(out), nil
	},
})

// transposeFunc turns a map of lists of texts around.
var transposeFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "values", Type: cty.Map(cty.List(cty.String))}},
	Type:   function.StaticReturnType(cty.Map(cty.List(cty.String))),
	Impl: func(args []cty.Value, ty cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(ty), nil
		}
		turned := map[string][]string{}
		for it := args[0].ElementIterator(); it.Next(); {
			key, list := it.Element()
			for in := list.ElementIterator(); in.Next(); {
				_, v := in.Element()
				if v.IsNull() {
					return cty.UnknownVal(ty), errors.New("an item is null")
				}
				turned[v.AsString()] = append(turned[v.AsString()], key.AsString())
			}
		}
		if len(turned) == 0 {
			return cty.MapValEmpty(cty.List(cty.String)), nil
		}
		out := map[string]cty.Value{}
		for key, list := range turned {
			sort.Strings(list)
			values := make([]cty.Value, len(list))
			for i, s := range list {
				values[i] = cty.StringVal(s)
			}
			out[key] = cty.ListVal(values)
		}
		return cty.MapVal(out), nil
	},
})

// listFunc and mapFunc are of Terraform 0.11.
var listFunc = function.New(&function.Spec{
	VarParam: &anything,
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl:     func(args []cty.Value, _ cty.Type) (cty.Value, error) { return cty.TupleVal(args), nil },
})

var mapFunc = function.New(&function.Spec{
	VarParam: &anything,
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if len(args)%2 != 0 {
			return cty.DynamicVal, errors.New("map takes keys and values in turn")
		}
		attrs := map[string]cty.Value{}
		for i := 0; i < len(args); i += 2 {
			key, err := convert.Convert(args[i], cty.String)
			if err != nil || key.IsNull() || !key.IsKnown() {
				return cty.DynamicVal, errors.New("a key must be a text")
			}
			attrs[key.AsString()] = args[i+1]
		}
		return cty.ObjectVal(attrs), nil
	},
})

// lookupFunc gives a member of a map or object, or a default.
var lookupFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "map", Type: cty.DynamicPseudoType, AllowUnknown: true},
		{Name: "key", Type: cty.String, AllowUnknown: true}},
	VarParam: &anything,
	Type: func(args []cty.Value) (cty.Type, error) {
		v, err := lookup(args)
		return v.Type(), err
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return lookup(args) },
})

func lookup(args []cty.Value) (cty.Value, error) {
	in, key := args[0], args[1]
	ty := in.Type()
	if len(args) > 3 || !ty.IsMapType() && !ty.IsObjectType() {
		return cty.DynamicVal, errors.New("lookup takes a map, a key and perhaps a default")
	}
	if ty.IsMapType() && !in.IsKnown() || !key.IsKnown() {
		return cty.DynamicVal, nil
	}
	name := key.AsString()
	switch {
	case ty.IsObjectType() && ty.HasAttribute(name):
		return in.GetAttr(name), nil
	case ty.IsMapType() && in.HasIndex(key).True():
		return in.Index(key), nil
	case len(args) == 2:
		return cty.DynamicVal, fmt.Errorf("there is no key %q", name)
	case ty.IsMapType():
		if v, err := convert.Convert(args[2], ty.ElementType()); err == nil {
			return v, nil
		}
	}
	return args[2], nil
}
