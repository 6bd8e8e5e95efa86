using System.Globalization;
using FluentAssertions;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>
/// Runs faults: as often, and from the seed, that <c>./test.sh --repeat N --seed S</c> asks for; and keeps what they counted, from which the
/// tables of docs/reliability.md are made.
/// </summary>
internal static class FaultSuite
{
    /// <summary>What takes too long for every run of the tests: <c>./test.sh --faults</c> runs it.</summary>
    public const string Kind = "Faults";

    /// <summary>See <see cref="Kind"/>.</summary>
    public const string Long = "long";

    /// <summary>How long everything at once goes on.</summary>
    public static TimeSpan Everything => TimeSpan.FromMinutes(Setting("NOTIFIER_FAULTS_MINUTES") ?? 30);

    private static int Repeat => Setting("NOTIFIER_FAULTS_REPEAT") ?? 1;

    private static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    public static async Task RunAsync(ITestOutputHelper output, Fault fault, Func<FaultRun, Task<string>> befall)
    {
        Outcome? sum = null;
        var first = Setting("NOTIFIER_FAULTS_SEED") ?? Random.Shared.Next(1_000_000);
        for (var run = 0; run < Repeat; run++)
        {
            var seed = first + run;
            output.WriteLine($"{fault.Name}: seed {seed}");
            CollectForgottenTasks();
            var forgotten = new List<Exception>();
            EventHandler<UnobservedTaskExceptionEventArgs> forget = (_, unobserved) =>
            {
                lock (forgotten)
                    forgotten.Add(unobserved.Exception);
            };
            TaskScheduler.UnobservedTaskException += forget;
            try
            {
                Outcome outcome;
                await using (var trial = new FaultRun(fault, seed))
                {
                    var remark = await befall(trial);
                    outcome = await trial.EndAsync();
                    outcome = outcome with { Remark = string.Join("; ", new[] { remark, outcome.Remark }.Where(static said => said.Length > 0)) };
                }
                CollectForgottenTasks();
                lock (forgotten)
                    forgotten.Should().BeEmpty("no task fails unseen");
                output.WriteLine($"{outcome}");
                sum = sum is null ? outcome : sum + outcome;
            }
            finally
            {
                TaskScheduler.UnobservedTaskException -= forget;
            }
        }
        Keep($"{fault.Chapter}\t| {fault.Name} | {fault.Promise} | {sum!.Cells(Repeat)} |");
    }

    /// <summary>The same, where there is nothing to remark.</summary>
    public static Task RunAsync(ITestOutputHelper output, Fault fault, Func<FaultRun, Task> befall) => RunAsync(output, fault, async trial =>
    {
        await befall(trial);
        return "";
    });

    private static void CollectForgottenTasks()
    {
        for (var time = 0; time < 2; time++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    private static void Keep(string row)
    {
        var file = Environment.GetEnvironmentVariable("NOTIFIER_FAULTS_ROWS") ?? Path.Combine(AppContext.BaseDirectory, "faults.tsv");
        File.AppendAllText(file, row + "\n");
    }
}
