using System.Diagnostics;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The commands of docs/publishing.md, "Over HTTP", run in a shell.</summary>
public sealed class PublishExamplesTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task The_curl_commands_of_the_publishing_page_publish_their_messages()
    {
        var commands = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "docs", "publishing.md"))
            .Where(line => line.StartsWith("curl ", StringComparison.Ordinal)).ToList();
        commands.Should().HaveCount(2);
        await using var app = await Publishing.StartAsync(fixture.Redis.Configuration);
        await using var client = await JsonClient.ConnectAsync(app);
        await client.SubscribeAsync("channel", "notifications.new-user");
        await client.SubscribeAsync("channel", "orders.42.items");

        (await RunAsync(commands[0], app)).Should().Be("""{"channel":"notifications.new-user","redisReceivers":1}""");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("Mathias signed up");
        (await RunAsync(commands[1], app)).Should().Be(
            """[{"channel":"orders.42.items","redisReceivers":1},{"channel":"orders.42.state","redisReceivers":0}]""");
        ((string?)(await client.ReadAsync())["data"]).Should().Be("added");
    }

    private static async Task<string> RunAsync(string command, NotifierApp app)
    {
        command = command.Replace("http://localhost:8081/", app.Address.ToString(), StringComparison.Ordinal);
        using var shell = Process.Start(new ProcessStartInfo("sh", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        return await shell.StandardOutput.ReadToEndAsync().WaitAsync(Eventually.Limit);
    }
}
