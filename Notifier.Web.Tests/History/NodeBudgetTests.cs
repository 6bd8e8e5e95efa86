using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Notifier.Hub;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.History;

/// <summary>The messages that a node keeps have a common limit: the least recently used names lose theirs first.</summary>
public sealed class NodeBudgetTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task The_least_recently_used_names_drop_their_history_when_the_node_reaches_its_byte_limit()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, settings: ["History:Recent:NodeBytes=2100000", "History:Recent:Bytes=2000000", "Limits:PayloadBytes=100000"]);
        await using var client = await JsonClient.ConnectAsync(app);
        var old = (string)(await client.SubscribeAsync("channel", "resume.budget.old"))["position"]!;
        await Redis.PublishAsync("resume.budget.old", new string('o', 50_000));
        await client.ReadAsync();
        string recent = "";
        for (var n = 0; n < 50; n++)
        {
            recent = (string)(await client.SubscribeAsync("channel", $"resume.budget.{n}"))["position"]!;
            await Redis.PublishAsync($"resume.budget.{n}", new string('n', 50_000));
            await client.ReadAsync();
        }
        await using var returning = await JsonClient.ConnectAsync(app);

        ((bool?)(await returning.AskAsync(Json.Subscribe("channel", "resume.budget.old", $"\"after\":\"{old}\"")))["recovered"]).Should().BeFalse();
        ((bool?)(await returning.AskAsync(Json.Subscribe("channel", "resume.budget.49", $"\"after\":\"{recent}\"")))["recovered"]).Should().BeTrue();
        app.Log.Says("Recent messages exceed History:Recent:NodeBytes").Should().BeTrue();
    }

    [Fact]
    public async Task Four_thousand_names_keep_only_the_latest_messages_within_the_byte_limit_of_the_node()
    {
        const int names = 4_000;
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration,
            settings: ["History:Recent:NodeBytes=3000000", "History:Recent:Bytes=2000000", "Limits:PayloadBytes=100000", "Redis:Covers:0=resume.each.*",
                $"Limits:NamesPerConnection={names}", $"Limits:CommandBurst={2 * names}", $"Limits:CommandsPerSecond={names}"]);
        await using var client = await JsonClient.ConnectAsync(app);
        string first = "", last = "";
        for (var n = 0; n < names; n++)
        {
            await client.SendAsync($$"""{"type":"subscribe","channel":"resume.each.{{n}}"}""");
            var position = (string)(await client.ReadAsync())["position"]!;
            (first, last) = (n == 0 ? position : first, position);
        }
        for (var n = 0; n < names; n++)
            await Redis.PublishAsync($"resume.each.{n}", new string('x', 1_500));
        var heard = new HashSet<string>();
        for (var n = 0; n < names; n++)
            heard.Add((string)(await client.ReadAsync())["channel"]!);
        heard.Should().HaveCount(names);

        app.Services.GetRequiredService<SubscriptionContext>().Budget.Bytes.Should().BeLessThanOrEqualTo(3_000_000);
        await using var returning = await JsonClient.ConnectAsync(app);
        (await returning.AskAsync(Json.Subscribe("channel", "resume.each.0", $"\"after\":\"{first}\""))).Bare().Should().Contain("\"code\":\"trimmed\"");
        ((bool?)(await returning.AskAsync(Json.Subscribe("channel", $"resume.each.{names - 1}", $"\"after\":\"{last}\"")))["recovered"]).Should().BeTrue();
    }
}
