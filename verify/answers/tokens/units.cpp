#include "verify/answers/tokens/units.h"

#include <udunits2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <mutex>
#include <utility>

#include "schemas/base/error.h"
#include "verify/answers/tokens/characters.h"

namespace gradus {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

// Which words are units is closed: udunits would take "cat" for a centi-atmosphere. What they
// measure is its knowledge, under the names on the right.
constexpr Pair kUnits[] = {
    {"m", "meter"},         {"metre", "meter"},   {"meter", "meter"},     {"g", "gram"},
    {"gram", "gram"},       {"gramme", "gram"},   {"s", "second"},        {"sec", "second"},
    {"second", "second"},   {"l", "liter"},       {"L", "liter"},         {"litre", "liter"},
    {"liter", "liter"},     {"W", "watt"},        {"watt", "watt"},       {"J", "joule"},
    {"joule", "joule"},     {"N", "newton"},      {"newton", "newton"},   {"V", "volt"},
    {"volt", "volt"},       {"A", "ampere"},      {"amp", "ampere"},      {"ampere", "ampere"},
    {"Ω", "ohm"},           {"ohm", "ohm"},       {"Hz", "hertz"},        {"hertz", "hertz"},
    {"Pa", "pascal"},       {"pascal", "pascal"}, {"mol", "mole"},        {"mole", "mole"},
    {"eV", "electronvolt"}, {"cal", "calorie"},   {"calorie", "calorie"}, {"K", "kelvin"},
    {"kelvin", "kelvin"},   {"byte", "byte"},     {"bit", "bit"},         {"T", "tesla"},
    {"tesla", "tesla"}};
// Those that take no prefix.
constexpr Pair kPlainUnits[] = {{"inch", "inch"},
                                {"in", "inch"},
                                {"ft", "foot"},
                                {"foot", "foot"},
                                {"feet", "foot"},
                                {"yd", "yard"},
                                {"yard", "yard"},
                                {"mi", "mile"},
                                {"mile", "mile"},
                                {"lb", "pound"},
                                {"pound", "pound"},
                                {"oz", "ounce"},
                                {"ounce", "ounce"},
                                {"ton", "ton"},
                                {"tonne", "tonne"},
                                {"gal", "gallon"},
                                {"gallon", "gallon"},
                                {"qt", "quart"},
                                {"quart", "quart"},
                                {"pt", "pint"},
                                {"pint", "pint"},
                                {"cup", "cup"},
                                {"tablespoon", "tablespoon"},
                                {"tbsp", "tablespoon"},
                                {"teaspoon", "teaspoon"},
                                {"tsp", "teaspoon"},
                                {"acre", "square_acre"},
                                {"hectare", "hectare"},
                                {"ha", "hectare"},
                                {"min", "minute"},
                                {"minute", "minute"},
                                {"h", "hour"},
                                {"hr", "hour"},
                                {"hour", "hour"},
                                {"day", "day"},
                                {"week", "week"},
                                {"wk", "week"},
                                {"fortnight", "fortnight"},
                                {"month", "month"},
                                {"year", "year"},
                                {"yr", "year"},
                                {"decade", "decade"},
                                {"century", "century"},
                                {"centuries", "century"},
                                {"mph", "mile/hour"},
                                {"kph", "kilometer/hour"},
                                {"kmh", "kilometer/hour"},
                                {"knot", "knot"},
                                {"degree", "degree"},
                                {"deg", "degree"},
                                {"rad", "radian"},
                                {"radian", "radian"},
                                {"degC", "celsius"},
                                {"celsius", "celsius"},
                                {"degF", "fahrenheit"},
                                {"fahrenheit", "fahrenheit"},
                                {"dollar", "dollar"},
                                {"buck", "dollar"},
                                {"usd", "dollar"},
                                {"cent", "cent"},
                                {"¢", "cent"},
                                {"euro", "euro"},
                                {"eur", "euro"},
                                {"gbp", "sterling"},
                                {"yen", "yen"},
                                {"jpy", "yen"},
                                {"yuan", "yuan"},
                                {"元", "yuan"},
                                {"个", "unit"},
                                {"cny", "yuan"},
                                {"rmb", "yuan"},
                                {"rupee", "rupee"},
                                {"inr", "rupee"},
                                {"unit", "unit"},
                                {"atm", "atmosphere"}};
constexpr Pair kPrefixes[] = {{"k", "kilo"}, {"c", "centi"}, {"m", "milli"}, {"µ", "micro"},
                              {"n", "nano"}, {"M", "mega"},  {"G", "giga"},  {"d", "deci"}};
constexpr Pair kCurrencies[] = {
    {"$", "dollar"}, {"€", "euro"}, {"£", "sterling"}, {"¥", "yen"}, {"₹", "rupee"}};
// Plurals that count nothing, and words that only look like plurals.
constexpr std::array<std::string_view, 56> kNoNouns = {
    "always",    "perhaps",    "sometimes",   "besides", "afterwards", "towards",   "upwards",
    "downwards", "unless",     "whereas",     "thus",    "this",       "its",       "his",
    "hers",      "ours",       "yours",       "theirs",  "does",       "has",       "was",
    "plus",      "minus",      "times",       "less",    "tens",       "hundreds",  "thousands",
    "millions",  "billions",   "trillions",   "dozens",  "scores",     "halves",    "thirds",
    "fourths",   "quarters",   "fifths",      "sixths",  "sevenths",   "eighths",   "ninths",
    "tenths",    "hundredths", "thousandths", "ones",    "twos",       "threes",    "twelfths",
    "equals",    "means",      "others",      "versus",  "previous",   "negatives", "factorials"};
constexpr Pair kIrregularNouns[] = {
    {"people", "person"}, {"person", "person"}, {"children", "child"}, {"men", "man"},
    {"women", "woman"},   {"fish", "fish"},     {"sheep", "sheep"},    {"mice", "mouse"},
    {"geese", "goose"},   {"teeth", "tooth"},   {"deer", "deer"}};

template <class Table>
std::string_view Find(const Table& table, std::string_view word) {
  for (const auto& [from, to] : table) {
    if (from == word) return to;
  }
  return "";
}

std::string Exactly(std::string_view word) {
  if (const auto known = Find(kPlainUnits, word); !known.empty()) return std::string(known);
  if (const auto known = Find(kUnits, word); !known.empty()) return std::string(known);
  for (const auto& [sign, prefix] : kPrefixes) {
    // Symbols take symbols for prefixes, names take names.
    for (const std::string_view start : {sign, prefix}) {
      if (!word.starts_with(start)) continue;
      const std::string_view rest = word.substr(start.size()), base = Find(kUnits, rest);
      const bool symbol = rest.size() < 4 && rest != "amp" && rest != "bit" && rest != "ohm";
      if (!base.empty() && symbol == (start == sign))
        return std::string(prefix) + std::string(base);
    }
  }
  return "";
}

// The library's tables, with money and with calendar units, which it measures astronomically.
class Units {
 public:
  Units() {
    ut_set_error_message_handler(ut_ignore);
    system_ = ut_read_xml(nullptr);
    if (!system_) Fail("udunits has no table of units: install libudunits2-data");
    AddBase("calendar_month");
    for (const auto& [sign, name] : kCurrencies) AddBase(std::string(name));
    AddBase("yuan");
    Add("cent", "0.01 dollar");
    Add("ounce", "0.0625 pound");  // Rounded in its tables, as the acre is.
    Add("square_acre", "43560 foot^2");
  }

  std::optional<Conversion> Between(const std::string& from, const std::string& to) {
    // The library parses with global state.
    const std::lock_guard lock(mutex_);
    const Unit a = Parse(from), b = Parse(to);
    if (!a || !b || !ut_are_convertible(a.get(), b.get())) return {};
    cv_converter* converter = ut_get_converter(a.get(), b.get());
    if (!converter) return {};
    const double zero = cv_convert_double(converter, 0), one = cv_convert_double(converter, 1);
    cv_free(converter);
    return Conversion{Nearest(one - zero), Nearest(zero)};
  }

 private:
  using Unit = std::unique_ptr<ut_unit, decltype(&ut_free)>;

  Unit Parse(const std::string& text) const {
    std::string spelled;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find_first_of("./^", at), text.size());
      const std::string_view word = std::string_view(text).substr(at, end - at);
      spelled += word == "month"     ? "calendar_month"
                 : word == "year"    ? "(12 calendar_month)"
                 : word == "decade"  ? "(120 calendar_month)"
                 : word == "century" ? "(1200 calendar_month)"
                                     : std::string(word);
      if (end < text.size()) spelled += text[end];
      at = end + 1;
    }
    return {ut_parse(system_, spelled.c_str(), UT_ASCII), &ut_free};
  }

  void AddBase(const std::string& name) {
    ut_unit* unit = ut_new_base_unit(system_);
    ut_map_name_to_unit(name.c_str(), UT_ASCII, unit);
    ut_free(unit);
  }
  void Add(const char* name, const char* definition) {
    ut_unit* unit = ut_parse(system_, definition, UT_ASCII);
    ut_map_name_to_unit(name, UT_ASCII, unit);
    ut_free(unit);
  }

  // The simplest fraction that a double can stand for: units are defined by short decimals and
  // whole ratios of them.
  static mpq_class Nearest(double value) {
    mpz_class p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    mpq_class rest(std::abs(value));
    for (int i = 0; i < 40; ++i) {
      mpz_class whole;
      mpz_fdiv_q(whole.get_mpz_t(), rest.get_num_mpz_t(), rest.get_den_mpz_t());
      std::tie(p0, p1) = std::pair<mpz_class, mpz_class>(p1, whole * p1 + p0);
      std::tie(q0, q1) = std::pair<mpz_class, mpz_class>(q1, whole * q1 + q0);
      const mpq_class fraction(p1, q1);
      if (std::abs(fraction.get_d() - std::abs(value)) <= 1e-14 * std::abs(value)) break;
      rest -= whole;
      if (rest == 0) break;
      rest = 1 / rest;
    }
    mpq_class result(p1, q1);
    result.canonicalize();
    return value < 0 ? mpq_class(-result) : result;
  }

  std::mutex mutex_;
  ut_system* system_ = nullptr;
};

}  // namespace

std::string UnitName(std::string_view word) {
  if (std::string exact = Exactly(word); !exact.empty()) return exact;
  const std::string lower = LowerCase(word);
  if (lower.size() < 3) return "";
  if (lower.size() != word.size() || lower.substr(1) == word.substr(1) || word.size() == 3) {
    if (std::string exact = Exactly(lower); !exact.empty()) return exact;
  }
  for (const std::string_view ending : {"es", "s"}) {
    if (!lower.ends_with(ending)) continue;
    if (std::string one = Exactly(lower.substr(0, lower.size() - ending.size())); !one.empty()) {
      return one;
    }
  }
  return "";
}

std::string CountedNoun(std::string_view word) {
  const std::string lower = LowerCase(word);
  if (const auto known = Find(kIrregularNouns, lower); !known.empty()) return std::string(known);
  const bool plural = lower.size() > 3 && lower.ends_with('s') && !lower.ends_with("ss") &&
                      !lower.ends_with("us") && !lower.ends_with("is") &&
                      lower.find_first_of("aeiouy") != std::string::npos &&
                      std::all_of(lower.begin(), lower.end(), IsLetter);
  const bool none = std::find(kNoNouns.begin(), kNoNouns.end(), lower) != kNoNouns.end();
  return plural && !none ? lower.substr(0, lower.size() - 1) : "";
}

std::string_view CurrencyOfSign(std::string_view sign) { return Find(kCurrencies, sign); }

std::optional<Conversion> ConversionOf(const std::string& from, const std::string& to) {
  if (from == to) return Conversion{};
  static Units units;
  return units.Between(from, to);
}

}  // namespace gradus
