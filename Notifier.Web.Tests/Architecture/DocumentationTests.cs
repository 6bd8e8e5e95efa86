using System.Text.RegularExpressions;
using FluentAssertions;
using Xunit;

namespace Notifier.Tests.Architecture;

/// <summary>Each link in the documentation works, and each file and test that it names exists.</summary>
public sealed partial class DocumentationTests
{
    [Fact]
    public void Each_link_leads_to_a_file_and_a_heading()
    {
        var links = 0;
        foreach (var page in Repository.Pages)
        {
            foreach (Match link in Link().Matches(WithoutCode(page)))
            {
                links++;
                var (path, anchor) = (link.Groups["path"].Value, link.Groups["anchor"].Value);
                var target = path.Length == 0
                    ? page
                    : Path.GetRelativePath(Repository.Root, Path.GetFullPath(Path.Combine(Repository.Root, Path.GetDirectoryName(page)!, path)));
                Path.Exists(Path.Combine(Repository.Root, target)).Should().BeTrue($"{page} links to {path}");
                if (anchor.Length > 0 && target.EndsWith(".md", StringComparison.Ordinal))
                    Headings(target).Should().Contain(anchor, $"{page} links to {target}");
            }
        }
        links.Should().BeGreaterThan(100);
    }

    /// <summary>Contributors look for the test that checks a rule.</summary>
    [Theory]
    [InlineData("docs/architecture.md")]
    [InlineData("docs/reliability.md")]
    [InlineData("CONTRIBUTING.md")]
    public void Each_test_that_a_page_names_exists(string page)
    {
        var tests = typeof(DocumentationTests).Assembly.GetTypes();
        var named = 0;
        foreach (Match test in TestName().Matches(File.ReadAllText(Path.Combine(Repository.Root, page))))
        {
            named++;
            var type = tests.SingleOrDefault(type => type.Name == test.Groups["type"].Value);
            type.Should().NotBeNull($"{page} names {test.Value}");
            if (test.Groups["method"] is { Success: true } method)
                type!.GetMethods().Select(static one => one.Name).Should().Contain(method.Value, $"{page} names {test.Value}");
        }
        named.Should().BePositive();
    }

    private static string WithoutCode(string page) => Fence().Replace(File.ReadAllText(Path.Combine(Repository.Root, page)), "");

    /// <summary>GitHub's anchors for headings: lower case, no punctuation, hyphens for spaces, and a number after a repeated
    /// heading.</summary>
    private static HashSet<string> Headings(string page)
    {
        var (anchors, counts) = (new HashSet<string>(), new Dictionary<string, int>());
        foreach (Match heading in Heading().Matches(WithoutCode(page)))
        {
            var text = LinkText().Replace(heading.Groups["text"].Value.Trim(), "$1").ToLowerInvariant();
            var anchor = string.Concat(text.Where(static letter => char.IsLetterOrDigit(letter) || letter is ' ' or '-' or '_')).Replace(' ', '-');
            var count = counts[anchor] = counts.GetValueOrDefault(anchor) + 1;
            anchors.Add(count == 1 ? anchor : $"{anchor}-{count - 1}");
        }
        return anchors;
    }

    [GeneratedRegex(@"\]\((?!https?:|mailto:)(?<path>[^)#\s]*)(#(?<anchor>[^)\s]+))?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#{1,6} (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"\[([^\]]*)\]\([^)]*\)")]
    private static partial Regex LinkText();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"`(?<type>[A-Z]\w*Tests)(\.(?<method>\w+))?`")]
    private static partial Regex TestName();
}
