using System.Text.RegularExpressions;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The examples of docs/access.md match the server.</summary>
public sealed partial class AccessExamplesTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const string Allowed = "allowed";

    /// <summary>The grant, the requested name, and the answer.</summary>
    public static TheoryData<string, string, string> Examples
    {
        get
        {
            var examples = new TheoryData<string, string, string>();
            foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "docs", "access.md")))
            {
                if (Row().Match(line) is { Success: true } row)
                    examples.Add(row.Groups["granted"].Value, row.Groups["asked"].Value, row.Groups["answer"].Value);
            }
            return examples;
        }
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task An_example_of_the_access_page_is_allowed_or_rejected_as_documented(string granted, string asked, string answer)
    {
        string[] grants = [.. granted.Split(' ').Where(name => name.StartsWith('`')).Select(name => name.Trim('`'))];
        await using var app = await NotifierApp.StartAsync(
            fixture.Redis.Configuration,
            settings: ["environment=Production", .. grants.Select((name, i) => $"Access:Anonymous:Subscribe:{i}={name}")]);

        await using var client = await RawWebSocket.SubscribeAsync(app, asked);

        if (answer == Allowed)
        {
            await Eventually.IsAsync(() => app.Hub.CountSubscribers(Name.Parse(asked)) == 1, "the name is subscribed");
            (await client.DrainAsync()).Should().BeEmpty("the connection is still open");
            return;
        }
        var close = await client.ReadUntilCloseAsync();
        close.CloseCode.Should().Be(4403);
        close.CloseText.Should().Be(answer);
        app.Hub.NameCount.Should().Be(0);
    }

    [Fact]
    public void The_access_page_has_allowed_and_rejected_examples()
    {
        var answers = Examples.Select(example => (string)example[2]).ToList();

        answers.Count(answer => answer == Allowed).Should().BeGreaterThan(5);
        answers.Count(answer => answer != Allowed).Should().BeGreaterThan(5);
    }

    [GeneratedRegex(@"^\| (?<granted>(`[^`]+` ?)+|\(nothing\)) ?\| `(?<asked>[^`]+)` \| (?<answer>allowed|not allowed: .+|nothing is open .+) \|$")]
    private static partial Regex Row();
}
