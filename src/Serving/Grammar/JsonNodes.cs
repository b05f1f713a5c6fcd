using System.Text;

namespace Serving.Grammar;

/// <summary>The grammar of JSON values, written compactly (RFC 8259, UTF-8). One set of nodes for one grammar.</summary>
internal sealed class JsonNodes
{
    private const int MostDigits = 15;                                 // whole numbers that a double holds
    private const int MostFraction = 10;
    private static readonly ByteNode _digit = new(('0', '9'));
    private static readonly ByteNode _hex = new(('0', '9'), ('a', 'f'), ('A', 'F'));
    private static readonly ByteNode _continuation = new((0x80, 0xBF));

    private readonly ReferenceNode _value = new();

    public JsonNodes()
    {
        Integer = Series(Optional(Literal("-")), Whole());
        Number = Series(Integer, Optional(Fraction()), Optional(Exponent()));
        Text = TextOf(0, null);
        Array = List("[", _value, "]", 0, null);
        Object = List("{", Member(Text, _value), "}", 0, null);
        Boolean = new ChoiceNode([Literal("true"), Literal("false")]);
        _value.PointTo(new ChoiceNode([Text, Number, Boolean, Null, Array, Object]));
    }

    public GrammarNode Value => _value;

    public GrammarNode Integer { get; }

    public GrammarNode Number { get; }

    public GrammarNode Text { get; }

    public GrammarNode Boolean { get; }

    public GrammarNode Null { get; } = Literal("null");

    public GrammarNode Array { get; }

    public GrammarNode Object { get; }

    /// <summary>A comma or a colon and perhaps a space: models that were trained on either way of writing feel at home.</summary>
    public static GrammarNode Spaced(string mark) => Series(Literal(mark), Optional(Literal(" ")));

    /// <summary>A string of so many characters, an escape counting as one.</summary>
    public static GrammarNode TextOf(int least, int? most) => Series(Literal("\""), new RepeatNode(Character(), least, most), Literal("\""));

    public static GrammarNode Member(GrammarNode name, GrammarNode value) => Series(name, Spaced(":"), value);

    /// <summary>Items between brackets with commas between them.</summary>
    public static GrammarNode List(string open, GrammarNode item, string close, int least, int? most)
    {
        var more = new RepeatNode(Series(Spaced(","), item), Math.Max(0, least - 1), most - 1);
        var items = most == 0 ? Series() : least > 0 ? Series(item, more) : Optional(Series(item, more));
        return Series(Literal(open), items, Literal(close));
    }

    public static GrammarNode Series(params IReadOnlyList<GrammarNode> parts) => new SeriesNode(parts);

    public static GrammarNode Optional(GrammarNode node) => new ChoiceNode([Series(), node]);

    public static GrammarNode Literal(string text) => new SeriesNode([.. Encoding.UTF8.GetBytes(text).Select(b => new ByteNode((b, b)))]);

    private static ChoiceNode Whole() => new ChoiceNode(
        [Literal("0"), Series(new ByteNode(('1', '9')), new RepeatNode(_digit, 0, MostDigits - 1))]);

    private static GrammarNode Fraction() => Series(Literal("."), new RepeatNode(_digit, 1, MostFraction));

    // Two digits stay within a double.
    private static GrammarNode Exponent() => Series(
        new ByteNode(('e', 'e'), ('E', 'E')),
        Optional(new ByteNode(('+', '+'), ('-', '-'))),
        new RepeatNode(_digit, 1, 2));

    /// <summary>One character: well-formed UTF-8 (Unicode, table 3-7) or an escape that is no half of a surrogate pair.</summary>
    private static ChoiceNode Character() => new(
    [
        new ByteNode((0x20, 0x21), (0x23, 0x5B), (0x5D, 0x7F)),
        Series(new ByteNode((0xC2, 0xDF)), _continuation),
        Series(new ByteNode((0xE0, 0xE0)), new ByteNode((0xA0, 0xBF)), _continuation),
        Series(new ByteNode((0xE1, 0xEC), (0xEE, 0xEF)), _continuation, _continuation),
        Series(new ByteNode((0xED, 0xED)), new ByteNode((0x80, 0x9F)), _continuation),
        Series(new ByteNode((0xF0, 0xF0)), new ByteNode((0x90, 0xBF)), _continuation, _continuation),
        Series(new ByteNode((0xF1, 0xF3)), _continuation, _continuation, _continuation),
        Series(new ByteNode((0xF4, 0xF4)), new ByteNode((0x80, 0x8F)), _continuation, _continuation),
        Series(Literal("\\"), new ChoiceNode([Escape(), Series(Literal("u"), CodeUnit())])),
    ]);

    private static ByteNode Escape() => new([.. "\"\\/bfnrt".Select(c => ((int)c, (int)c))]);

    private static ChoiceNode CodeUnit() => new(
    [
        Series(new ByteNode(('0', '9'), ('a', 'c'), ('e', 'f'), ('A', 'C'), ('E', 'F')), _hex, _hex, _hex),
        Series(new ByteNode(('d', 'd'), ('D', 'D')), new ByteNode(('0', '7')), _hex, _hex),
    ]);
}
