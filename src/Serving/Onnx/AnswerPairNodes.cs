namespace Serving.Onnx;

/// <summary>
/// What follows from the token types of a row that holds an answer twice: positions, what a token sees, and where the answer's tokens lie. Types: 0 = before
/// the answer, 1 and 2 = the answer and its end (2 = stands in the source too); of the second part, without the source, 3 = before the answer, 4 = the answer
/// and its end. The parts do not see each other.
/// </summary>
internal sealed class AnswerPairNodes(GraphWriter graph)
{
    /// <summary>Added to the scores of positions that are not seen: exp of it is exactly 0 in fp32.</summary>
    private const float Unseen = -1e30f;

    /// <summary>
    /// Inputs, and the values "position_ids" [B, T], "attention_bias" [B, 1, T, T], "answer" (bool [B, T]: tokens of the answer behind its source), and of
    /// its R tokens over all rows, as places in B*T: "read" (the token), "predicting" and "predicting_alone" (what predicts it with the source and without).
    /// </summary>
    public void Declare()
    {
        foreach (var input in (string[])["input_ids", "attention_mask", "token_type_ids"])
        {
            graph.Input(input, ElementType.Int64, "batch", "length");
        }

        Places();
        Positions();
        Bias();
        Answers();
    }

    /// <summary>"places" [T], and "part" [B, T]: 0, 1, or -1 for padding.</summary>
    private void Places()
    {
        graph.Node("Shape", ["input_ids"], ["batch_and_length"]);
        graph.Node("Gather", ["batch_and_length", graph.Constant("one", [1L])], ["length"]);
        graph.Node("Range", [graph.Constant("zero", [0L]), "length", "one"], ["places"]);
        Cast("attention_mask", "kept", ElementType.Bool);
        graph.Node("GreaterOrEqual", ["token_type_ids", graph.Constant("three", [3L])], ["second"]);
        Cast("second", "part_number", ElementType.Int64);
        graph.Node("Where", ["kept", "part_number", graph.Constant("padding", [-1L])], ["part"]);
    }

    /// <summary>Positions begin anew with the second part.</summary>
    private void Positions()
    {
        graph.Node("Equal", ["part", "zero"], ["is_first"]);
        graph.Node("Equal", ["part", "one"], ["is_second"]);
        Cast("is_first", "first_places", ElementType.Int64);
        Cast("is_second", "second_places", ElementType.Int64);
        graph.Node("ReduceSum", ["first_places", graph.Constant("along", [1L], 1)], ["first_length"], attributes: [("keepdims", 1L)]);
        graph.Node("Mul", ["second_places", "first_length"], ["shift"]);
        graph.Node("Sub", ["places", "shift"], ["position_ids"]);
    }

    /// <summary>A token sees its own part up to itself; padding sees padding, so that its softmax is defined.</summary>
    private void Bias()
    {
        graph.Node("Unsqueeze", ["part", graph.Constant("last", [2L], 1)], ["own_part"]);
        graph.Node("Unsqueeze", ["part", "along"], ["other_part"]);
        graph.Node("Equal", ["own_part", "other_part"], ["same_part"]);
        graph.Node("Unsqueeze", ["places", "along"], ["own_place"]);
        graph.Node("LessOrEqual", ["places", "own_place"], ["not_later"]);
        graph.Node("And", ["same_part", "not_later"], ["visible"]);
        graph.Node("Where", ["visible", graph.Constant("seen", [0f]), graph.Constant("unseen", [Unseen])], ["bias"]);
        graph.Node("Unsqueeze", ["bias", "along"], ["attention_bias"]);
    }

    private void Answers()
    {
        graph.Constant("row", [-1L], 1);
        graph.Node("Equal", ["token_type_ids", "one"], ["new_token"]);
        graph.Node("Equal", ["token_type_ids", graph.Constant("two", [2L])], ["known_token"]);
        graph.Node("Or", ["new_token", "known_token"], ["answer_type"]);
        graph.Node("And", ["answer_type", "kept"], ["answer"]);
        graph.Node("Equal", ["token_type_ids", graph.Constant("four", [4L])], ["alone_type"]);
        graph.Node("And", ["alone_type", "kept"], ["answer_alone"]);
        graph.Node("Sub", [Found("answer", "read"), "one"], ["predicting"]);
        graph.Node("Sub", [Found("answer_alone", "read_alone"), "one"], ["predicting_alone"]);
    }

    /// <summary>Where a [B, T] condition holds, row by row, [R].</summary>
    private string Found(string condition, string name)
    {
        graph.Node("Reshape", [condition, "row"], [$"{name}.flat"]);
        graph.Node("NonZero", [$"{name}.flat"], [$"{name}.found"]);
        return graph.Node("Reshape", [$"{name}.found", "row"], [name]);
    }

    private void Cast(string value, string name, ElementType type) => graph.Node("Cast", [value], [name], attributes: [("to", (long)type)]);
}
