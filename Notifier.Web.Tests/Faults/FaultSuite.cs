using System.Globalization;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>
/// Runs a fault as often as <c>./test.sh --repeat N</c> asks for, from the seed of <c>--seed S</c>, and appends its counts to the file from which table.sh
/// makes the tables of docs/reliability.md.
/// </summary>
internal static class FaultSuite
{
    /// <summary>The trait of tests that take too long for every run: only <c>./test.sh --faults</c> runs them.</summary>
    public const string Kind = "Faults";

    /// <summary>See <see cref="Kind"/>.</summary>
    public const string Long = "long";

    /// <summary>The duration of <see cref="CombinedFaults"/>.</summary>
    public static TimeSpan Everything => TimeSpan.FromMinutes(Setting("NOTIFIER_FAULTS_MINUTES") ?? 30);

    /// <summary>Whether the fault suite has the process to itself, one test after the other (<c>./test.sh --faults</c>).</summary>
    public static bool RunsAlone { get; } = Environment.GetEnvironmentVariable("NOTIFIER_FAULTS_ALONE") is not null;

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
            await using var trial = new FaultRun(fault, seed);
            var remark = await befall(trial);
            var outcome = await trial.EndAsync();
            outcome = outcome with { Remark = string.Join("; ", new[] { remark, outcome.Remark }.Where(static said => said.Length > 0)) };
            output.WriteLine($"{outcome}");
            sum = sum is null ? outcome : sum + outcome;
        }
        Keep($"{fault.Chapter}\t| {fault.Name} | {fault.Promise} | {sum!.Cells(Repeat)} |");
    }

    /// <summary>The same, without a remark.</summary>
    public static Task RunAsync(ITestOutputHelper output, Fault fault, Func<FaultRun, Task> befall) => RunAsync(output, fault, async trial =>
    {
        await befall(trial);
        return "";
    });

    private static void Keep(string row)
    {
        var file = Environment.GetEnvironmentVariable("NOTIFIER_FAULTS_ROWS") ?? Path.Combine(AppContext.BaseDirectory, "faults.tsv");
        File.AppendAllText(file, row + "\n");
    }
}
