using Serving.Tokenization.Vocabularies;

namespace Serving.Tokenization;

/// <summary>The ids that a tokenizer puts around a text when it is asked to add special tokens: bos before it, eos behind it.</summary>
internal sealed record SpecialTokens(IReadOnlyList<int> Prefix, IReadOnlyList<int> Suffix)
{
    private const string Supported = "BertProcessing, ByteLevel, RobertaProcessing, Sequence and TemplateProcessing";

    public static SpecialTokens None { get; } = new([], []);

    /// <param name="exists">Whether an entry or added token has the id.</param>
    public static SpecialTokens Read(JsonField? processor, Func<int, bool> exists)
    {
        if (processor is not { } field)
        {
            return None;
        }

        switch (field.Type())
        {
            case "ByteLevel":
                return None;         // moves offsets only
            case "BertProcessing" or "RobertaProcessing":
                return new SpecialTokens([Pair(field.Required("cls"), exists)], [Pair(field.Required("sep"), exists)]);
            case "Sequence":
                return field.Required("processors").Items().Select(part => Read(part, exists)).Aggregate(None, (inner, outer) =>
                    new SpecialTokens([.. outer.Prefix, .. inner.Prefix], [.. inner.Suffix, .. outer.Suffix]));
            case "TemplateProcessing":
                return Template(field, exists);
            default:
                throw field.Required("type").Unsupported(Supported);
        }
    }

    private static SpecialTokens Template(JsonField field, Func<int, bool> exists)
    {
        var (prefix, suffix, seen) = (new List<int>(), new List<int>(), false);
        foreach (var part in field.Required("single").Items())
        {
            if (part.Optional("Sequence") is { } sequence)
            {
                seen = !seen && sequence.Required("id").Text() == "A" ? true : throw sequence.Unsupported("one Sequence A in single");
                continue;
            }

            var name = part.Required("SpecialToken").Required("id");
            foreach (var id in field.Required("special_tokens").Required(name.Text()).Required("ids").Items())
            {
                var value = id.Count(Vocabulary.MostIds - 1);
                (seen ? suffix : prefix).Add(exists(value) ? value : throw id.Broken($"is {value}, which no token has"));
            }
        }

        return seen ? new SpecialTokens(prefix, suffix) : throw field.Required("single").Broken("has no Sequence A");
    }

    /// <summary>["[CLS]", 101].</summary>
    private static int Pair(JsonField pair, Func<int, bool> exists)
    {
        JsonField[] items = [.. pair.Items().Take(3)];
        return items.Length == 2 && items[1].Count(Vocabulary.MostIds - 1) is var id && exists(id)
            ? id
            : throw pair.Broken("is not a token of the vocabulary and its id");
    }
}
