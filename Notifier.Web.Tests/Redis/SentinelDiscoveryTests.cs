using System.Diagnostics;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>How a node finds the primary by its Sentinels, and which Sentinels it can use.</summary>
public sealed class SentinelDiscoveryTests
{
    [Fact]
    public async Task Sentinels_that_start_later_than_the_node_are_found()
    {
        var port = FreePort.Next();
        await using var app = await NotifierApp.StartAsync($"127.0.0.1:{port},serviceName={Sentinels.ServiceName}");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SendAsync("""{"type":"subscribe","channel":"later"}""");
        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("does not answer", StringComparison.Ordinal)), "the node logs that Redis does not answer");

        await using var redis = await Sentinels.StartAsync(port);

        ((string?)(await client.ReadAsync())["type"]).Should().Be("subscribed");
        await Eventually.IsAsync(app.IsReadyAsync, "the node is ready");
        app.Log.Lines.Should().ContainSingle(static line => line.Text.Contains("is back", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_whose_sentinels_do_not_answer_continues_with_its_primary_and_logs_that()
    {
        await using var redis = await Sentinels.StartAsync();
        await using var app = await Publishing.StartAsync(redis.Configuration, "Access:Anonymous:Subscribe:0=alone", "Access:Anonymous:Publish:0=alone");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "alone");
        redis.SignalSentinels("STOP");
        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("cannot find out whether Redis has another primary", StringComparison.Ordinal)), "the node logs it");

        (await app.PostAsync("/publish/alone", "still")).Status.Should().Be(200);
        ((string?)(await client.ReadAsync())["data"]).Should().Be("still");

        redis.SignalSentinels("CONT");
        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("answer again", StringComparison.Ordinal)), "the node logs that, too");
    }

    [Fact]
    public async Task A_service_that_the_sentinels_do_not_know_is_logged_and_the_node_is_not_ready()
    {
        await using var redis = await Sentinels.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration.Replace(Sentinels.ServiceName, "other", StringComparison.Ordinal));

        await Eventually.IsAsync(() => app.Log.Lines.Any(static line => line.Text.Contains("No such master", StringComparison.Ordinal)), "the node logs it");

        (await app.IsReadyAsync()).Should().BeFalse();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_password_is_used_for_the_servers_and_for_sentinels_that_require_it(bool doSentinelsAsk)
    {
        await using var redis = await Sentinels.StartAsync(password: "opensesame", doSentinelsAsk: doSentinelsAsk);

        await DeliversAndStaysAsync($"{redis.Configuration},password=opensesame");
    }

    [Theory]
    [InlineData("")]
    [InlineData(",resolveDns=true")]
    public async Task Sentinels_may_report_the_primary_by_its_host_name(string option)
    {
        await using var redis = await Sentinels.StartAsync(host: "localhost");

        await DeliversAndStaysAsync(redis.Configuration + option);
    }

    /// <summary>The node delivers, and does not mistake an answer of the Sentinels for a failover.</summary>
    private static async Task DeliversAndStaysAsync(string configuration)
    {
        await using var app = await Publishing.StartAsync(configuration, "Access:Anonymous:Subscribe:0=news", "Access:Anonymous:Publish:0=news");
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "news");
        // Longer than the node needs to ask the Sentinels twice.
        var since = Stopwatch.StartNew();
        for (var number = 0; since.Elapsed < TimeSpan.FromSeconds(1.5); number++)
        {
            (await app.PostAsync("/publish/news", $"{number}")).Status.Should().Be(200);
            ((string?)(await client.ReadAsync())["data"]).Should().Be($"{number}");
        }
        app.Log.Lines.Should().NotContain(static line => line.Text.Contains("Sentinels", StringComparison.Ordinal));
    }
}
