using System.Reflection;
using System.Text.RegularExpressions;
using FluentAssertions;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>docs/security.md names a test for each threat. These tests check that the named tests exist.</summary>
public sealed partial class SecurityPageTests
{
    /// <summary>The page must list each of these threats.</summary>
    private static readonly string[] Threats =
    [
        "cross-site hijacking", "subscribing to what is not granted", "pattern bombs", "giant and endless frames", "floods", "slow loris",
        "slow readers", "token replay", "algorithm confusion", "header injection", "log injection", "event-stream injection", "XSS by payload",
    ];

    /// <summary>The threat, and the other cells of its row.</summary>
    public static TheoryData<string, string, string> Rows
    {
        get
        {
            var rows = new TheoryData<string, string, string>();
            // The next heading begins the table of what was measured.
            var threats = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "docs", "security.md")).TakeWhile(static line => !line.StartsWith("## ", StringComparison.Ordinal));
            foreach (var line in threats.Where(static line => line.StartsWith('|')).Skip(2))
            {
                var cells = line.Split('|', StringSplitOptions.TrimEntries);
                rows.Add(cells[1], cells[2], string.Join('|', cells[3..^1]));
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_threat_on_the_security_page_has_an_answer_and_tests_that_exist_and_run(string threat, string answer, string tests)
    {
        answer.Should().NotBeEmpty(threat);
        TestNames().Replace(tests, "").Should().BeEmpty("that column contains test names, separated by commas");
        foreach (var name in TestNames().Matches(tests).Select(static match => match.Groups["name"].Value))
        {
            var methods = typeof(SecurityPageTests).Assembly.GetTypes()
                .SelectMany(static type => type.GetMethods())
                .Where(method => method.Name == name && method.GetCustomAttribute<FactAttribute>() is { Skip: null });
            methods.Should().NotBeEmpty("{0} must exist, because the page names it against: {1}", name, threat);
        }
    }

    [Fact]
    public void Every_known_threat_is_on_the_security_page()
    {
        var named = Rows.Select(static row => (string)row[0]).ToList();

        foreach (var threat in Threats)
            named.Should().Contain(row => row.StartsWith(threat, StringComparison.Ordinal), threat);
    }

    [GeneratedRegex("`(?<name>[A-Za-z0-9]+_[A-Za-z0-9_]+)`(, |$)")]
    private static partial Regex TestNames();
}
