using System.Reflection;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Names;
using Xunit;

namespace Notifier.Tests.Architecture;

/// <summary>The rules of docs/architecture.md that the compiler does not know.</summary>
public sealed class ArchitectureTests
{
    /// <summary>Each uses only those before it.</summary>
    private static readonly string[] Folders =
        ["Configuration", "Names", "Messages", "Access", "Redis", "History", "Connections", "Hub", "Endpoints", "Operations"];

    private static readonly FileReferences Server = FileReferences.Read(Path.Combine(AppContext.BaseDirectory, "Notifier.Web.dll"));

    [Fact]
    public void Each_file_is_in_a_folder_that_has_its_place()
    {
        Server.Files.Should().Contain("Hub/SubscriptionHub.cs").And.HaveCountGreaterThan(100);
        Server.Files.Where(static file => file != "Program.cs").Select(FolderOf).Distinct().Should().BeEquivalentTo(Folders);
    }

    [Fact]
    public void A_folder_uses_only_those_before_it() =>
        Server.All().Where(static reference => reference.From != "Program.cs"
                && Array.IndexOf(Folders, FolderOf(reference.To)) > Array.IndexOf(Folders, FolderOf(reference.From)))
            .Should().BeEmpty();

    /// <summary>A larger knot cannot be read, tested or replaced in parts. Pass a function, return a result, or give a sink instead.</summary>
    [Fact]
    public void No_cycle_of_references_has_more_than_four_files() =>
        Server.Cycles().Where(static cycle => cycle.Count > 4).Select(static cycle => string.Join(", ", cycle.Order())).Should().BeEmpty();

    /// <summary>
    /// Without an id the generator makes one of the name, and the console shows ten digits behind each category. Classes of a folder share categories. A new
    /// message takes the folder's next number.
    /// </summary>
    [Fact]
    public void Each_log_message_has_an_id_that_no_other_of_its_folder_has()
    {
        const BindingFlags all = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var folders = typeof(Name).Assembly.GetTypes().SelectMany(static type => type.GetMethods(all))
            .Where(static method => method.IsDefined(typeof(LoggerMessageAttribute))).GroupBy(
                static method => method.DeclaringType!.FullName!.Split('.')[1], static method => method.GetCustomAttribute<LoggerMessageAttribute>()!.EventId).ToList();

        folders.Should().HaveCountGreaterThan(4);
        folders.Should().AllSatisfy(static ids => ids.Order().Should().Equal(Enumerable.Range(1, ids.Count()), ids.Key));
    }

    /// <summary>Two machines build the same bytes, and a release does not show where it was built.</summary>
    [Theory]
    [InlineData("Notifier.Web.dll")]
    [InlineData("Notifier.Web.pdb")]
    public void A_binary_contains_no_build_path(string binary)
    {
        var bytes = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, binary));

        foreach (var encoding in new[] { Encoding.UTF8, Encoding.Unicode })
            bytes.AsSpan().IndexOf(encoding.GetBytes(Repository.Root)).Should().Be(-1);
    }

    private static string FolderOf(string file) => file.Split('/')[0];
}
