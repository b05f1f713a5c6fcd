using Microsoft.ML.OnnxRuntime;
using Serving.Onnx;
using Serving.Testing;
using Xunit;

namespace Serving.Tests.Onnx;

/// <summary>Managed operators in small graphs that ONNX Runtime runs: "x" [rows, 3] in, "y" out.</summary>
public sealed unsafe class OperatorDomainTests : IDisposable
{
    private const int Columns = 3;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void An_operator_reads_its_inputs_and_writes_outputs_of_the_shape_that_it_states(int rows)
    {
        var sums = new ManagedOperator("Sums", [ElementType.Float, ElementType.Float], [ElementType.Float, ElementType.Int32], call =>
        {
            float* x = call.Input<float>(0), doubled = call.Input<float>(1), y = call.Output<float>(0, rows, 2);
            var counts = call.Output<int>(1, rows);
            for (var row = 0; row < rows; row++)
            {
                (y[2 * row], y[(2 * row) + 1], counts[row]) = (x[row * Columns], doubled[(row * Columns) + 2], 100 + row);
            }
        });
        using var model = new Model(_folder, [sums], graph =>
        {
            graph.Output("counts", ElementType.Int32, "rows");
            graph.Node("Add", ["x", "x"], ["doubled"]);
            graph.Node("Sums", ["x", "doubled"], ["y", "counts"], OperatorDomain.Name);
        });

        using var results = model.Run(Numbers(rows), "y", "counts");

        Assert.Equal([rows, 2], results[0].GetTensorTypeAndShape().Shape);
        Assert.Equal(Enumerable.Range(0, rows).SelectMany(row => new float[] { row * 3, 2 * ((row * 3) + 2) }), results[0].GetTensorDataAsSpan<float>().ToArray());
        Assert.Equal([rows], results[1].GetTensorTypeAndShape().Shape);
        Assert.Equal(Enumerable.Range(100, rows), results[1].GetTensorDataAsSpan<int>().ToArray());
    }

    [Fact]
    public void Every_node_of_an_operator_has_its_own_layer_and_none_is_0()
    {
        var layers = new List<int>();
        using var model = new Model(_folder, [Copying("Copy", 2, call => layers.Add(call.Layer))], graph =>
        {
            graph.Node("Copy", ["x"], ["a"], OperatorDomain.Name, ("layer", 7L));
            graph.Node("Copy", ["a"], ["b"], OperatorDomain.Name);
            graph.Node("Copy", ["b"], ["y"], OperatorDomain.Name, ("layer", 31L));
        });

        using var results = model.Run(Numbers(2), "y");

        Assert.Equal([7, 0, 31], layers);
        Assert.Equal(Numbers(2), results[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void Sessions_of_domains_with_operators_of_the_same_name_each_run_their_own()
    {
        var (first, second) = (0, 0);
        using var one = new Model(_folder, [Copying("Copy", 1, _ => first++)], graph => graph.Node("Copy", ["x"], ["y"], OperatorDomain.Name));
        using var other = new Model(_folder, [Copying("Copy", 1, _ => second++)], graph => graph.Node("Copy", ["x"], ["y"], OperatorDomain.Name));

        one.Run(Numbers(1), "y").Dispose();
        other.Run(Numbers(1), "y").Dispose();
        one.Run(Numbers(1), "y").Dispose();

        Assert.Equal((2, 1), (first, second));
    }

    [Fact]
    public void An_exception_in_a_body_becomes_one_of_the_run_with_its_message_and_the_session_lives_on()
    {
        var fails = true;
        using var model = new Model(
            _folder,
            [
                Copying("Copy", 2, _ =>
                {
                    if (fails)
                    {
                        throw new InvalidDataException("no such row: 17 – “x”");
                    }
                }),
            ],
            graph => graph.Node("Copy", ["x"], ["y"], OperatorDomain.Name));

        Assert.Contains("no such row: 17 – “x”", Assert.Throws<OnnxRuntimeException>(() => model.Run(Numbers(2), "y")).Message, StringComparison.Ordinal);
        fails = false;
        using var results = model.Run(Numbers(2), "y");
        Assert.Equal(Numbers(2), results[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 9)]
    [InlineData(2, 1)]
    [InlineData(2, 2)]
    [InlineData(2, 1000)]
    public void Work_in_parallel_runs_every_part_once_before_it_returns(int threads, int parts)
    {
        var runs = new int[parts];
        using var work = new ParallelWork(part => Interlocked.Increment(ref runs[part]));
        var after = new List<int>();
        using var model = new Model(_folder, [Copying("Copy", 1, call => call.Parallel(work, parts), () => after.Add(runs.Sum()))], graph =>
        {
            graph.Node("Copy", ["x"], ["y"], OperatorDomain.Name);
        }, threads);

        for (var run = 1; run <= 3; run++)
        {
            model.Run(Numbers(1), "y").Dispose();
            Assert.All(runs, count => Assert.Equal(run, count));
        }

        Assert.Equal([parts, 2 * parts, 3 * parts], after);
    }

    [Fact]
    public void Parts_run_at_the_same_time_when_there_are_two_threads()
    {
        using var both = new Barrier(2);
        var met = 0;
        using var work = new ParallelWork(_ =>
        {
            if (both.SignalAndWait(TimeSpan.FromSeconds(30), CancellationToken.None))
            {
                Interlocked.Increment(ref met);
            }
        });
        using var model = new Model(_folder, [Copying("Copy", 1, call => call.Parallel(work, 2))], graph =>
        {
            graph.Node("Copy", ["x"], ["y"], OperatorDomain.Name);
        }, threads: 2);

        model.Run(Numbers(1), "y").Dispose();

        Assert.Equal(2, met);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void An_exception_in_a_part_becomes_one_of_the_run_once(int threads)
    {
        var failing = 4;
        var done = 0;
        using var work = new ParallelWork(part =>
        {
            Interlocked.Increment(ref done);
            if (part == failing)
            {
                throw new InvalidDataException($"part {part} is missing");
            }
        });
        using var model = new Model(_folder, [Copying("Copy", 1, call => call.Parallel(work, 8))], graph =>
        {
            graph.Node("Copy", ["x"], ["y"], OperatorDomain.Name);
        }, threads);

        Assert.Contains("part 4 is missing", Assert.Throws<OnnxRuntimeException>(() => model.Run(Numbers(1), "y")).Message, StringComparison.Ordinal);
        Assert.Equal(8, done);
        failing = -1;
        using var results = model.Run(Numbers(1), "y");
        Assert.Equal(Numbers(1), results[0].GetTensorDataAsSpan<float>().ToArray());
    }

    [Fact]
    public void A_part_that_fails_every_time_leaves_the_runtime_sound()
    {
        using var work = new ParallelWork(part => throw new InvalidDataException($"part {part}"));
        using var model = new Model(_folder, [Copying("Copy", 1, call => call.Parallel(work, 64))], graph =>
        {
            graph.Node("Copy", ["x"], ["y"], OperatorDomain.Name);
        }, threads: 2);

        for (var run = 0; run < 20; run++)
        {
            Assert.Contains("part ", Assert.Throws<OnnxRuntimeException>(() => model.Run(Numbers(1), "y")).Message, StringComparison.Ordinal);
        }
    }

    private static float[] Numbers(int rows) => [.. Enumerable.Range(0, rows * Columns).Select(i => (float)i)];

    /// <summary>y = x, after something has been done.</summary>
    private static ManagedOperator Copying(string name, int rows, OperatorBody body, Action? after = null) => new(name, [ElementType.Float], [ElementType.Float], call =>
    {
        body(call);
        after?.Invoke();
        new ReadOnlySpan<float>(call.Input<float>(0), rows * Columns).CopyTo(new Span<float>(call.Output<float>(0, rows, Columns), rows * Columns));
    });

    private sealed class Model : IDisposable
    {
        private readonly OperatorDomain _domain;
        private readonly OnnxModel _model;

        public Model(TemporaryFolder folder, ManagedOperator[] operators, Action<GraphWriter> fill, int threads = 1)
        {
            var graph = new GraphWriter("operators");
            graph.Input("x", ElementType.Float, "rows", Columns);
            graph.Output("y", ElementType.Float, "rows", "columns");
            fill(graph);
            _domain = new OperatorDomain(operators);
            _model = OnnxModel.Build(folder.Path, graph.ToBytes(), new OnnxOptions { Threads = threads }, _domain, new Dictionary<string, OrtValue>());
        }

        public IDisposableReadOnlyCollection<OrtValue> Run(float[] x, params string[] outputs)
        {
            using var input = OrtValue.CreateTensorValueFromMemory(x, [x.Length / Columns, Columns]);
            using var options = new RunOptions();
            return _model.Session.Run(options, ["x"], [input], outputs);
        }

        public void Dispose()
        {
            _model.Dispose();
            _domain.Dispose();
        }
    }
}
