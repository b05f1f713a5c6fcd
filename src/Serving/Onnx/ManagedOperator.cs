namespace Serving.Onnx;

/// <summary>Runs one node; see <see cref="OperatorCall"/> for its inputs and outputs. An exception fails the whole run of the session.</summary>
public delegate void OperatorBody(OperatorCall call);

/// <summary>
/// An operator of our own domain (<see cref="OperatorDomain.Name"/>) whose kernel is managed code. Shapes need no declaration: the body states them when
/// it asks for an output. A node may carry the attribute "layer", a whole number, which the call passes on.
/// </summary>
/// <param name="Name">Operator name within the domain.</param>
/// <param name="Inputs">Element types of the inputs, all required, in CPU memory.</param>
/// <param name="Outputs">Element types of the outputs.</param>
/// <param name="Body">Called on the thread that runs the session.</param>
public sealed record ManagedOperator(string Name, IReadOnlyList<ElementType> Inputs, IReadOnlyList<ElementType> Outputs, OperatorBody Body);
