using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Serving.Tokenization;

/// <summary>A trained byte-level BPE vocabulary. Immutable.</summary>
/// <param name="Specials">Ids 0, 1, 2, ...</param>
/// <param name="Entries">The entries after the specials, in id order: 256 bytes, then one per merge.</param>
/// <param name="Merges">"left right", in order of priority.</param>
public sealed record BytePairVocabulary(IReadOnlyList<string> Specials, IReadOnlyList<string> Entries, IReadOnlyList<string> Merges)
{
    private static readonly JsonSerializerOptions _json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes tokenizer.json and tokenizer_config.json in Hugging Face's format.</summary>
    /// <param name="chatTemplate">Chat template of the model, or null for a model that does not converse.</param>
    public void Write(string folder, string? chatTemplate = null)
    {
        var vocabulary = new JsonObject();
        foreach (var (entry, id) in Specials.Concat(Entries).Select((entry, id) => (entry, id)))
        {
            vocabulary[entry] = id;
        }

        var added = new JsonArray([.. Specials.Select((special, id) => (JsonNode)new JsonObject
        {
            ["id"] = id, ["content"] = special, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = true,
        })]);
        JsonObject ByteLevel() => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true };
        var tokenizer = new JsonObject
        {
            ["version"] = "1.0",
            ["added_tokens"] = added,
            ["normalizer"] = null,
            ["pre_tokenizer"] = ByteLevel(),
            ["post_processor"] = null,
            ["decoder"] = ByteLevel(),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["byte_fallback"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. Merges.Select(merge => (JsonNode)merge)]),
            },
        };
        var config = new JsonObject { ["tokenizer_class"] = "PreTrainedTokenizerFast", ["clean_up_tokenization_spaces"] = false };
        foreach (var (role, content) in new[] { ("pad_token", "<pad>"), ("bos_token", "<s>"), ("eos_token", "</s>") })
        {
            if (Specials.Contains(content))
            {
                config[role] = content;
            }
        }

        if (chatTemplate is not null)
        {
            config["chat_template"] = chatTemplate;
        }

        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), tokenizer.ToJsonString(_json) + "\n");
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), config.ToJsonString(_json) + "\n");
    }
}
