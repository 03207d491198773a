# Each output is evaluated here and by the real Terraform, which have to agree.
locals {
  names  = ["web", "db", "", "cache", "web"]
  ports  = { http = 80, https = 443, ssh = 22 }
  nested = [["a", "b"], ["c"], []]
  people = [{ name = "ann", age = 30, admin = true }, { name = "bob", age = 25, admin = false }]
  text   = "  Hello, World  "
}

output "numbers" {
  value = [abs(-4), ceil(1.2), floor(-1.2), max(3, 9, 4), min(3, 9, 4), pow(2, 10), signum(-7),
  parseint("ff", 16), log(1024, 2), 7 % 3, 7 / 2, -(-3), sum([1, 2, 3.5])]
}

output "texts" {
  value = [upper("abc"), lower("ABC"), title("two words"), trimspace(local.text), strrev("abc"),
    substr("security", 2, 4), trim("?!x?!", "!?"), trimprefix("helloworld", "hello"),
    trimsuffix("helloworld", "world"), chomp("line\n"), replace("a.b.c", ".", "-"),
    replace("a1b22", "/[0-9]+/", "#"), join(",", ["a", "b"]), format("%s-%03d-%t", "x", 7, true),
    format("%q %5.1f %x", "y", 3.14159, 255), indent(2, "a\nb"),
  "${local.ports["http"]}/${length(local.names)}", "%{if true}yes%{else}no%{endif}"]
}

output "tests" {
  value = [startswith("hello", "he"), endswith("hello", "lo"), strcontains("hello", "ell"),
    contains(["a", "b"], "b"), alltrue([true, true]), alltrue([]), anytrue([false, true]),
    anytrue([]), can(local.ports["none"]), can(local.ports["http"]), "a" == "a" && !(1 > 2),
  1 <= 1 || false, null == null]
}

output "lists" {
  value = [
    concat(["a"], ["b", "c"]), compact(local.names), distinct(local.names), flatten(local.nested),
    reverse(["a", "b"]), slice(["a", "b", "c"], 1, 3), sort(["b", "a"]), chunklist(["a", "b", "c"], 2),
    range(4), range(1, 8, 3), coalescelist([], ["x"]), [for i, n in local.names : "${i}${n}" if n != ""],
    split(",", "a,b"), tolist(toset(["b", "a", "b"])), local.people[*].name, local.names[*],
    matchkeys(["i-1", "i-2", "i-3"], ["eu", "us", "eu"], ["eu"]), regexall("[a-z]+", "ab 12 cd"),
    setproduct(["a", "b"], [1, 2]), tolist(setunion(["a"], ["b"])), tolist(setsubtract(["a", "b"], ["b"])),
    tolist(setintersection(["a", "b"], ["b", "c"])), [for k, v in local.ports : k],
  ]
}

output "single" {
  value = [element(["a", "b", "c"], 4), index(["a", "b"], "b"), length("naïve"), length({ a = 1 }),
    coalesce("", "x"), one(["only"]), lookup(local.ports, "ssh"), lookup(local.ports, "ftp", 21),
    try(local.people[5].name, "nobody"), try(local.people[0].age, 0), regex("([a-z]+)-([0-9]+)", "ab-12"),
    true ? "yes" : "no", tostring(5), tonumber("7"), tobool("true"), local.people[0]["name"],
  jsondecode("{\"a\":[1,true,null]}"), jsonencode({ b = [1, "x"] }), base64encode("hi"), base64decode("aGk="), urlencode("a b&c")]
}

output "maps" {
  value = [
    merge({ a = 1 }, { b = 2 }, { a = 3 }), keys(local.ports), values(local.ports),
    zipmap(["a", "b"], [1, 2]), { for p in local.people : p.name => p.age },
    { for p in local.people : (p.admin ? "admins" : "users") => p.name... },
    transpose({ a = ["1", "2"], b = ["2"] }), { for k, v in local.ports : upper(k) => v if v > 50 },
    tomap({ x = "1" }), merge([{ a = 1 }, { b = 2 }]...), csvdecode("a,b\n1,2\n3,4\n"),
  ]
}

output "cidrs" {
  value = [cidrsubnet("10.0.0.0/16", 8, 2), cidrsubnet("2001:db8::/32", 16, 255),
    cidrhost("10.0.0.0/24", 5), cidrhost("10.0.0.0/24", -2), cidrhost("2001:db8::/64", 17),
    cidrnetmask("10.0.0.0/12"), cidrsubnets("10.1.0.0/16", 4, 4, 8, 4),
  cidrsubnets("2001:db8::/56", 8, 8)]
}
