using System.Globalization;

namespace Serving.Tokenization.Splitting;

/// <summary>
/// Rewrites a regular expression of Oniguruma's Ruby syntax, which tokenizer.json files are written in, for .NET: possessive quantifiers become
/// atomic groups, \w gets Unicode's meaning, ^ and $ stand at lines, (?i:s) matches the long s. What has no exact counterpart is refused.
/// </summary>
internal sealed class RegexTranslator
{
    private const int MostCharacters = 4_096, MostNesting = 32, MostRepeats = 1_000;

    private readonly RegexRewriting _rewriting;
    private readonly RegexCharacters _characters;

    private RegexTranslator(string pattern)
    {
        _rewriting = new RegexRewriting(pattern);
        _characters = new RegexCharacters(_rewriting);
    }

    /// <exception cref="RegexTranslationException">A construct is not supported; the message quotes it and says where.</exception>
    public static string Translate(string pattern)
    {
        if (pattern.Length > MostCharacters)
        {
            throw new RegexTranslationException($"it is longer than {MostCharacters} characters.");
        }

        var translator = new RegexTranslator(pattern);
        translator.Alternatives(ignoreCase: false, depth: 0);
        return translator._rewriting.Ended ? translator._rewriting.Written.ToString() : throw translator._rewriting.Refuse(1, "an unmatched");
    }

    private void Alternatives(bool ignoreCase, int depth)
    {
        if (depth > MostNesting)
        {
            throw new RegexTranslationException($"groups are nested more than {MostNesting} deep.");
        }

        while (!_rewriting.Ended && _rewriting.Current != ')')
        {
            if (_rewriting.Current == '|')
            {
                _rewriting.Written.Append('|');
                _rewriting.At++;
                continue;
            }

            if (_rewriting.Looking("(?i)"))
            {
                ignoreCase = true;
                _rewriting.Written.Append("(?i)");
                _rewriting.At += 4;
                continue;
            }

            var start = _rewriting.Written.Length;
            Atom(ignoreCase, depth);
            Quantifier(start);
        }
    }

    private void Atom(bool ignoreCase, int depth)
    {
        var c = _rewriting.Current;
        switch (c)
        {
            case '(':
                Group(ignoreCase, depth);
                break;
            case '[':
                _characters.Class(ignoreCase);
                break;
            case '\\':
                _characters.Escape(ignoreCase, inClass: false);
                break;
            case '.':
                _rewriting.Written.Append(@"[^\n]");
                _rewriting.At++;
                break;
            case '^':
                _rewriting.Written.Append(@"(?:\A|(?<=\n)(?!\z))");
                _rewriting.At++;
                break;
            case '$':
                _rewriting.Written.Append(@"(?=\n|\z)");
                _rewriting.At++;
                break;
            case '*' or '+' or '?':
                throw _rewriting.Refuse(1, "nothing to repeat before");
            default:
                _characters.Literal(c, ignoreCase, inClass: false);
                _rewriting.At++;
                break;
        }
    }

    private void Group(bool ignoreCase, int depth)
    {
        string[] prefixes = ["(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"];
        var prefix = prefixes.FirstOrDefault(_rewriting.Looking);
        if (prefix is null && _rewriting.Looking("(?"))
        {
            throw _rewriting.Refuse(4, "the group");
        }

        _rewriting.Written.Append(prefix ?? "(?:");        // nothing reads what a group captured
        _rewriting.At += (prefix ?? "(").Length;
        Alternatives(ignoreCase || prefix == "(?i:", depth + 1);
        if (_rewriting.Ended)
        {
            throw new RegexTranslationException("a group is not closed.");
        }

        _rewriting.Written.Append(')');
        _rewriting.At++;
    }

    private void Quantifier(int atom)
    {
        if (_rewriting.Ended)
        {
            return;
        }

        var (repeats, ranged) = (false, true);
        if (_rewriting.Current is '*' or '+' or '?')
        {
            _rewriting.Written.Append(_rewriting.Pattern[_rewriting.At++]);
        }
        else if (_rewriting.Current == '{' && Braces() is var (low, high, length))
        {
            _rewriting.Written.Append(CultureInfo.InvariantCulture, $"{{{low},{high}}}");
            _rewriting.At += length;
            (repeats, ranged) = (true, low != high);
        }
        else
        {
            return;
        }

        // In Ruby's syntax a{2,3}+ and a{2}? are repeats of a repeat, not possessive and not lazy.
        switch (_rewriting.Ended ? '\0' : _rewriting.Current)
        {
            case '+' when !repeats:
                _rewriting.Written.Insert(atom, "(?>").Append(')');
                _rewriting.At++;
                break;
            case '?' when ranged:
                _rewriting.Written.Append('?');
                _rewriting.At++;
                break;
            case '*' or '+' or '?':
                throw _rewriting.Refuse(1, "the second quantifier");
        }
    }

    /// <summary>{n}, {n,}, {,m} or {n,m}; null when the brace is a plain character.</summary>
    private (string Low, string High, int Length)? Braces()
    {
        var close = _rewriting.Pattern.IndexOf('}', _rewriting.At);
        var inside = close < 0 ? "" : _rewriting.Pattern[(_rewriting.At + 1)..close];
        var parts = inside.Split(',');
        if (parts.Length > 2 || inside is "" or "," || parts.Any(part => part.Any(c => !char.IsAsciiDigit(c))))
        {
            return null;
        }

        if (parts.Any(part => part.Length > 4 || (part.Length > 0 && int.Parse(part, CultureInfo.InvariantCulture) > MostRepeats)))
        {
            throw _rewriting.Refuse(inside.Length + 2, $"more than {MostRepeats} repeats in");
        }

        return (parts[0].Length == 0 ? "0" : parts[0], parts[^1], inside.Length + 2);
    }
}
