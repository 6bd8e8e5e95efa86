using System.Text.Json.Nodes;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Clients ask for stored messages and do not read them. The tests measure the memory of the real process.</summary>
public sealed class ReplayAbuseTests(ReplayAbuseTests.StoredMessages stored) : IClassFixture<ReplayAbuseTests.StoredMessages>, IAsyncLifetime
{
    /// <summary>Without a limit, the clients would cost 1.2 GB.</summary>
    private const int Channels = 100;
    private const int Bytes = 200_000;
    private const int Clients = 60;

    /// <summary>What the process reads and writes leaves garbage, which it collects when it needs the memory. It never gets more than this.</summary>
    private const long Heap = 256L << 20;

    /// <summary>A page for each client, garbage, and what the process itself has grown by.</summary>
    private const long Limit = Heap + (44L << 20);

    private ServerProcess server = null!;

    /// <summary>A process for each test, because its memory is measured.</summary>
    public async Task InitializeAsync() =>
        server = await ServerProcess.StartAsync(
        stored.Redis.Configuration, Listen.Plain, new Dictionary<string, string> { ["DOTNET_GCHeapHardLimit"] = $"{Heap:x}" }, "History:Durable:Channels:0=news.*");

    public async Task DisposeAsync() => await server.DisposeAsync();

    [Theory]
    [InlineData("\"last\":1000")]
    [InlineData("\"after\":\"…\"")]
    public async Task Clients_that_do_not_read_stored_messages_cost_at_most_a_page_each_and_others_receive_theirs(string replay)
    {
        var before = server.ResidentBytes;
        var unread = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => JsonClient.ConnectAsync(server.WebSocketAddress(), receiveBuffer: 4096)));
        foreach (var client in unread)
            await client.SendAsync(Json.Subscribe("pattern", "news.*", replay.Replace("…", stored.First, StringComparison.Ordinal)));

        await ReadAllAsync();

        var cost = server.ResidentBytes - before;
        AbuseTable.Add(
            $"{Clients} clients subscribe to a pattern of {Channels} durable channels with {(replay.StartsWith("\"last", StringComparison.Ordinal) ? "`last: 1000`" : "an old `after`")}, 200 KB in each, and read nothing",
            "1 MiB for each client, and garbage until the next collection", $"{cost >> 20} MiB for all (RSS)");
        cost.Should().BeLessThan(Limit);
        foreach (var client in unread)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task Event_streams_of_many_names_that_are_not_read_cost_at_most_a_page_each()
    {
        var query = string.Join('&', Enumerable.Range(0, 40).Select(static n => $"channel=news.{n}&last=1000"));
        var before = server.ResidentBytes;
        using var http = new HttpClient();
        var unread = new List<HttpResponseMessage>();
        for (var n = 0; n < Clients; n++)
            unread.Add(await http.GetAsync(new Uri(server.Address, "/events?" + query), HttpCompletionOption.ResponseHeadersRead));

        await ReadAllAsync();

        var cost = server.ResidentBytes - before;
        AbuseTable.Add(
            $"{Clients} event streams of 40 durable channels with `last: 1000`, 200 KB in each, and nothing is read", "1 MiB for each stream, and garbage until the next collection", $"{cost >> 20} MiB for all (RSS)");
        cost.Should().BeLessThan(Limit);
        unread.ForEach(static response => response.Dispose());
    }

    /// <summary>A client that reads receives all messages after the first one, in order.</summary>
    private async Task ReadAllAsync()
    {
        await using var reader = await JsonClient.ConnectAsync(server.WebSocketAddress());
        ((bool?)(await reader.AskAsync(Json.Subscribe("pattern", "news.*", $"\"after\":\"{stored.First}\"")))["recovered"]).Should().BeTrue();
        for (var n = 0; n < Channels; n++)
        {
            JsonObject said = await reader.ReadAsync();
            ((string?)said["channel"]).Should().Be($"news.{n}");
            ((string?)said["data"])!.Length.Should().Be(Bytes);
        }
    }

    public sealed class StoredMessages : IAsyncLifetime
    {
        internal RedisServer Redis { get; private set; } = null!;

        /// <summary>The position of a message before all others.</summary>
        internal string First { get; private set; } = "";

        public async Task InitializeAsync()
        {
            Redis = await RedisServer.StartAsync();
            First = await Redis.PublishDurablyAsync("news.first", "first");
            var payload = new string('x', Bytes);
            for (var n = 0; n < Channels; n++)
                await Redis.PublishDurablyAsync($"news.{n}", payload);
        }

        public async Task DisposeAsync() => await Redis.DisposeAsync();
    }
}
